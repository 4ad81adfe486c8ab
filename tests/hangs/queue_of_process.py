import multiprocessing


def work(results):
    results.put("x" * 1000000)


context = multiprocessing.get_context("fork")
results = context.Queue()
if __name__ == "__main__":
    worker = context.Process(target=work, args=(results,))
    worker.start()

    # what it has put is still on its way
    worker.join()
    print(len(results.get()))
