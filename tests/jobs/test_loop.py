"""The engine: works at once and again, survives a fault, ends when told."""

import logging
import threading

import pytest

from survey.jobs.loop import Loop

WAIT = 20


def test_a_fault_is_logged_without_a_word_of_any_person_and_the_next_pass_comes(caplog: pytest.LogCaptureFixture) -> None:
    passes, done = [], threading.Event()

    def work() -> None:
        passes.append(1)
        if len(passes) == 1:
            raise ValueError("ada@northwind.example")
        if len(passes) == 3:
            done.set()

    loop = Loop(work, 0.01)
    with caplog.at_level(logging.ERROR):
        loop.start()
        assert done.wait(WAIT)
        loop.stop()
    assert [record.getMessage() for record in caplog.records] == ["a pass of due work failed and will be tried again: ValueError"]
    assert "ada@" not in caplog.text


def test_stopping_lets_the_pass_under_way_end_and_begins_no_other() -> None:
    begun, release, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        release.wait(WAIT)
        ended.append(1)

    loop = Loop(work, 0.0)
    loop.start()
    assert begun.wait(WAIT)
    stopping = threading.Thread(target=loop.stop)
    stopping.start()
    assert ended == []
    release.set()
    stopping.join(WAIT)
    assert not stopping.is_alive()
    assert ended
    assert not any(thread.name == "jobs" and thread.is_alive() for thread in threading.enumerate())
