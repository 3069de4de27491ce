"""What takes too long is ended once, what is over in time is not: over rounds, after a rest."""

import threading

from survey.mail.smtp.service.watchdog import Watchdog

LONG = 30.0


def test_what_takes_too_long_is_ended_from_another_thread() -> None:
    bitten, who = threading.Event(), []
    dog = Watchdog(lambda: (who.append(threading.current_thread().name), bitten.set()))
    with dog.watch(0.05):
        assert bitten.wait(LONG)
    dog.rest()
    assert who == ["mail watchdog"]


def test_what_is_over_in_time_is_let_be_and_a_later_one_is_still_watched() -> None:
    bites: list[int] = []
    bitten = threading.Event()
    dog = Watchdog(lambda: (bites.append(1), bitten.set()))
    for _ in range(500):
        with dog.watch(LONG):
            pass
    assert bites == []
    with dog.watch(0.05):  # shorter than what the thread waits for
        assert bitten.wait(LONG)
    assert bites == [1]
    dog.rest()


def test_after_a_rest_it_watches_again_and_one_thread_does_it() -> None:
    bitten, before = threading.Event(), set(threading.enumerate())
    dog = Watchdog(bitten.set)
    for _ in range(50):
        with dog.watch(LONG):
            pass
        dog.rest()
    with dog.watch(0.05):
        assert bitten.wait(LONG)
    dog.rest()
    for thread in set(threading.enumerate()) - before:
        thread.join(LONG)
    assert set(threading.enumerate()) <= before
