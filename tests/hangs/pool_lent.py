import plait


def outer():
    with plait.scope(pool) as s:
        s.submit(print)


pool = plait.Pool(workers=1)
pool.submit(outer).result()
