"""How many failed tries are let through, and how long the next one waits.

Times are seconds of a clock of the test's own.
"""

import threading

import pytest

from survey.access.service.limits import (
    DAY,
    FORGOTTEN_AFTER,
    LONGEST_BLOCK,
    MOST_RECORDS,
    FailureLimit,
)

HERE, ELSEWHERE = "203.0.113.7", "198.51.100.1"
HOUR = 3600.0


def fail(
    limit: FailureLimit,
    times: int,
    account: str = "mira",
    address: str = HERE,
    clock: float = 0.0,
    browser: str | None = None,
) -> int:
    """The wait that the next try meets after this many failures."""
    for _ in range(times):
        assert limit.attempt(account, address, clock, browser=browser).seconds == 0
    return limit.attempt(account, address, clock, browser=browser).seconds


def guesses(limit: FailureLimit, addresses: int, begin: float, hours: int, every: int = 1) -> int:
    """How many tries an attacker gets who tries from each address again, `every` few minutes."""
    passed = 0
    for minute in range(0, hours * 60, every):
        clock = begin + minute * 60.0
        for number in range(addresses):
            address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            passed += limit.attempt("mira", address, clock).seconds == 0
    return passed


def test_five_tries_of_an_account_from_one_network_go_through_then_it_waits_a_minute() -> None:
    limit = FailureLimit()
    assert fail(limit, 5) == 60
    assert limit.attempt("mira", ELSEWHERE, 30.5).seconds == 0, "nobody waits for another's tries"
    assert limit.attempt("otto", HERE, 30.5).seconds == 0
    assert limit.attempt("mira", HERE, 30.5).seconds == 30
    assert limit.attempt("mira", HERE, 60.0).seconds == 0


def test_the_wait_doubles_and_the_twentieth_try_of_a_day_is_followed_by_one_in_72_minutes() -> None:
    limit, clock, waits = FailureLimit(), 0.0, []
    for _ in range(4):
        wait = fail(limit, 5, clock=clock)
        waits.append(wait)
        clock += wait
    assert waits[:3] == [60, 120, 240]
    assert 50 * 60 < waits[3] <= 72 * 60
    assert fail(limit, 1, clock=clock) == pytest.approx(72 * 60, abs=1), "part of a day for each"
    assert fail(limit, 5, clock=clock + DAY + FORGOTTEN_AFTER) == 60, "and then all is forgotten"


def test_twenty_tries_from_one_network_go_through_whatever_the_accounts() -> None:
    limit = FailureLimit()
    waits = [limit.attempt(f"account {number}", HERE, 0.0).seconds for number in range(21)]
    assert waits == [0] * 20 + [60]
    assert limit.attempt("account 1", ELSEWHERE, 0.0).seconds == 0


def test_a_network_waits_a_quarter_of_an_hour_at_most() -> None:
    limit, clock, waits = FailureLimit(), 0.0, []
    for round_ in range(7):
        for number in range(20):
            assert limit.attempt(f"{round_} {number}", HERE, clock).seconds == 0
        waits.append(limit.attempt("another", HERE, clock).seconds)
        clock += waits[-1]
    assert waits == [60, 120, 240, 480, 900, 900, 900] == [*waits[:4], *[LONGEST_BLOCK] * 3]


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
        limit.attempt(f"account {number}", addresses.format(number), 0.0).seconds
        for number in range(21)
    ]
    assert (seconds[-1] > 0) == waits


@pytest.mark.parametrize("browser", [None, "desk"])
def test_a_try_that_was_right_counts_against_nothing(browser: str | None) -> None:
    limit = FailureLimit()
    for number in range(300):
        assert limit.attempt("mira", HERE, number / 10, browser=browser).seconds == 0
        limit.forgive("mira", HERE, browser=browser)
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
        waits.append(limit.attempt("mira", HERE, 0.0).seconds)

    threads = [threading.Thread(target=attempt) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert waits.count(0) == 5


def test_whoever_tries_for_a_week_from_one_address_holds_up_no_other_network() -> None:
    limit = FailureLimit()
    assert guesses(limit, 1, 0.0, 7 * 24) <= 20 + 7 * 20
    assert limit.attempt("mira", ELSEWHERE, 7 * DAY).seconds == 0


def test_a_thousand_addresses_get_200_tries_on_the_first_day_and_100_on_each_other() -> None:
    limit = FailureLimit()
    first = guesses(limit, 1000, 0.0, 24, every=10)
    second = guesses(limit, 1000, DAY, 24, every=10)
    assert (first, second) == (pytest.approx(200, abs=2), pytest.approx(100, abs=2))
    stranger = limit.attempt("mira", ELSEWHERE, 2 * DAY)
    assert (0 < stranger.seconds <= DAY / 100, stranger.is_lasting) == (True, True)
    assert limit.attempt("mira", ELSEWHERE, 2 * DAY, browser="desk").seconds == 0
    assert limit.attempt("mira", "10.0.0.1", 2 * DAY, browser="desk").seconds == 0
    assert limit.attempt("otto", ELSEWHERE, 2 * DAY).seconds == 0, "another account is as before"


def test_a_known_browser_waits_for_its_own_failures_alone() -> None:
    limit = FailureLimit()
    assert fail(limit, 5, browser="desk") == 60
    assert limit.attempt("mira", HERE, 1.0, browser="phone").seconds == 0
    assert limit.attempt("mira", HERE, 1.0).seconds == 0, "nor does anybody wait for it"
    passed = sum(
        limit.attempt("mira", HERE, HOUR + minute * 60.0, browser="desk").seconds == 0
        for minute in range(24 * 60)
    )
    assert passed <= 400


def test_only_the_first_delay_is_a_short_one() -> None:
    limit = FailureLimit()
    fail(limit, 5)
    assert not limit.attempt("mira", HERE, 1.0).is_lasting
    fail(limit, 5, clock=60.0)
    assert limit.attempt("mira", HERE, 61.0).is_lasting


def test_a_link_is_offered_once_a_day_whether_or_not_there_is_such_an_account() -> None:
    limit, clock = FailureLimit(), [0.0]
    limit.clock = lambda: clock[0]
    assert [limit.may_offer(account) for account in ("mira", "mira", "nobody")] == [1, 0, 1]
    clock[0] = DAY
    assert limit.may_offer("mira")


def test_what_is_kept_is_bounded_and_nobody_is_pushed_out() -> None:
    limit = FailureLimit()
    fail(limit, 5)
    for number in range(3 * MOST_RECORDS):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        limit.attempt(f"account {number}", address, 0.0)
    assert len(limit._records) <= 3 * MOST_RECORDS
    assert limit.attempt("mira", HERE, 1.0).seconds > 0
