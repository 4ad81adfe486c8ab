import multiprocessing
import time


def nap():
    time.sleep(1000)


if __name__ == "__main__":
    child = multiprocessing.get_context("forkserver").Process(target=nap)
    child.start()
    child.join()
