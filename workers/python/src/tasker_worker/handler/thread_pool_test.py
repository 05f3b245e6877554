import threading
from collections.abc import Callable
from functools import partial

from tasker_worker.handler.thread_pool import ThreadPool

BOUND = 20
Work = Callable[[], object]


def pool_of(limit: int) -> ThreadPool[Work]:
    return ThreadPool(limit, lambda work: work(), "test")


def test_runs_everything_in_order_of_arrival_also_after_it_was_idle() -> None:
    pool = pool_of(1)
    seen: list[int] = []
    for start in (0, 3, 6):
        done = threading.Event()
        works: list[Work] = [lambda number=start + i: seen.append(number) for i in range(3)]  # type: ignore[misc]
        pool.put([*works, done.set])
        assert done.wait(BOUND)
    assert seen == list(range(9))
    pool.close()


def test_a_thread_that_waits_does_not_keep_the_others_from_working_also_after_they_were_idle() -> None:
    pool = pool_of(3)
    for _ in range(20):
        together = threading.Barrier(4)
        pool.put([partial(together.wait, BOUND)] * 3)
        together.wait(BOUND)
    pool.close()


def test_a_higher_limit_lets_more_run_and_a_lower_one_ends_threads() -> None:
    pool = pool_of(1)
    release, second = threading.Event(), threading.Event()
    pool.put([lambda: release.wait(BOUND), second.set])
    assert not second.is_set()
    pool.set_limit(2)
    assert second.wait(BOUND)
    pool.set_limit(1)
    release.set()
    threads: set[int] = set()
    counted = threading.Event()
    pool.put([*[lambda: threads.add(threading.get_ident())] * 50, counted.set])
    assert counted.wait(BOUND)
    assert len(threads) <= 2
    pool.close()
