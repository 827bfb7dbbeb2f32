"""Worker threads: libraries compute in the worker's thread, and get their settings back."""

import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import threadpoolctl

from photosketch.jobs.threads import in_order, workers


def blas_threads(_=None):
    pools = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
    return {pool["num_threads"] for pool in pools}


@pytest.fixture(autouse=True)
def three_threads_of_opencv():
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


def test_libraries_keep_to_the_threads_of_the_workers_and_go_on_as_before():
    with threadpoolctl.threadpool_limits(2, "blas"):
        with workers(2) as pool:
            assert set.union(*pool.map(blas_threads, range(4))) == {1}
            assert set(pool.map(lambda _: cv2.getNumThreads(), range(4))) == {1}
            assert set(pool.map(lambda _: cv2.ipp.useIPP(), range(4))) == {False}
        assert blas_threads() == {2}
        assert cv2.getNumThreads() == 3


def test_settings_are_as_before_when_several_threads_have_had_workers():
    def work(seconds):
        with workers(1) as pool:
            return pool.submit(time.sleep, seconds).result()

    with ThreadPoolExecutor(2) as users:
        list(users.map(work, [0.05, 0.1]))  # the thread that begins first ends first
    assert cv2.getNumThreads() == 3


def test_sums_of_blas_do_not_depend_on_the_number_of_workers():
    matrices = np.random.default_rng(0).normal(size=(4, 300, 300))
    with workers(1) as pool:
        alone = list(pool.map(np.linalg.inv, matrices))
    with workers(2) as pool:
        assert np.array_equal(alone, list(pool.map(np.linalg.inv, matrices)))


def test_results_come_in_order_and_few_items_are_taken_in_advance():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    with workers(3) as pool:
        for number, square in enumerate(in_order(pool, lambda n: n * n, items(), ahead=4)):
            assert square == number**2
            assert len(taken) <= number + 5
    assert len(taken) == 20
