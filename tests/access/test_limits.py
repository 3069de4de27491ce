"""How many failed tries are let through, and how long the next one waits.

Times are seconds of a clock of the test's own.
"""

import threading

import pytest

from survey.access.service.limits import FORGOTTEN_AFTER, MOST_KEPT, FailureLimit

HERE = "203.0.113.7"


def fail(
    limit: FailureLimit, times: int, account: str = "mira", address: str = HERE, clock: float = 0.0
) -> int:
    """The wait that the next try meets after this many failures."""
    for _ in range(times):
        assert limit.attempt(account, address, clock) == 0
    return limit.attempt(account, address, clock)


def test_five_tries_of_an_account_go_through_then_it_waits_a_minute() -> None:
    limit = FailureLimit()
    assert fail(limit, 5) == 60
    assert limit.attempt("mira", "198.51.100.1", 30.5) == 30, "from anywhere"
    assert limit.attempt("otto", HERE, 30.5) == 0, "nobody else waits"
    assert limit.attempt("mira", HERE, 60.0) == 0


def test_the_wait_doubles_up_to_a_quarter_of_an_hour_and_is_forgotten_after_an_hour_of_quiet() -> (
    None
):
    limit, clock, waits = FailureLimit(), 0.0, []
    for _ in range(6):
        wait = fail(limit, 5, clock=clock)
        waits.append(wait)
        clock += wait
    assert waits == [60, 120, 240, 480, 900, 900]
    assert fail(limit, 5, clock=clock + FORGOTTEN_AFTER + 1) == 60


def test_twenty_tries_from_one_address_go_through_whatever_the_accounts() -> None:
    limit = FailureLimit()
    assert [limit.attempt(f"account {number}", HERE, 0.0) for number in range(21)] == [0] * 20 + [
        60
    ]
    assert limit.attempt("account 1", "198.51.100.1", 0.0) == 0


@pytest.mark.parametrize(
    ("addresses", "waits"),
    [
        ("2001:db8:1:2::{}", True),
        ("2001:db8:1:{}::1", False),
        ("203.0.113.{}", False),
        ("::ffff:203.0.113.{}", False),
    ],
)
def test_the_addresses_of_one_customer_count_as_one(addresses: str, *, waits: bool) -> None:
    limit = FailureLimit()
    seconds = [
        limit.attempt(f"account {number}", addresses.format(number), 0.0) for number in range(21)
    ]
    assert (seconds[-1] > 0) == waits


def test_a_try_that_was_right_counts_neither_against_the_account_nor_the_address() -> None:
    limit = FailureLimit()
    for number in range(100):
        assert limit.attempt("mira", HERE, number / 10) == 0
        limit.forgive("mira", HERE)
    for account in ("a", "b", "c", "d"):
        fail(limit, 4, account)


def test_the_try_that_was_right_opens_the_door_that_it_closed() -> None:
    limit = FailureLimit()
    for _ in range(5):
        limit.attempt("mira", HERE, 0.0)
    limit.forgive("mira", HERE)
    assert fail(limit, 5) == 60


def test_fifty_tries_at_once_are_not_let_through() -> None:
    limit, waits, start = FailureLimit(), [], threading.Barrier(50)

    def attempt() -> None:
        start.wait(timeout=30)
        waits.append(limit.attempt("mira", HERE, 0.0))

    threads = [threading.Thread(target=attempt) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert waits.count(0) == 5


def test_what_is_kept_is_bounded() -> None:
    limit = FailureLimit()
    for number in range(MOST_KEPT + 500):
        limit.attempt(
            f"account {number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0
        )
    assert len(limit._records) == MOST_KEPT
