import plait


def produce():
    for n in range(10):
        rows.put(n)


rows = plait.channel(3)
with plait.scope() as s:
    s.submit(produce)
