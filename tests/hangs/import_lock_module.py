import threading


def load():
    from import_lock_module import value

    return value


worker = threading.Thread(target=load, name="loader")
worker.start()
worker.join()
value = 1
