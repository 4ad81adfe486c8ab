import plait


def consume():
    for item in rows:
        print(item)


rows = plait.channel(3)
with plait.scope() as s:
    s.submit(consume)
