"""Failed codes: thirty different ones a minute and address, in memory, bounded."""

import threading

import pytest

from survey.access.service.limits import CODES_PER_ADDRESS, MOST_KEPT, CodeLimit

OFFICE = "192.0.2.1"


def filled(address: str = OFFICE) -> CodeLimit:
    limit = CodeLimit()
    assert [
        limit.fail(address, str(number), now=float(number)) for number in range(CODES_PER_ADDRESS)
    ] == [0] * 30
    return limit


@pytest.mark.parametrize(
    ("clock", "wait"), [(29.0, 31), (59.0, 1), (59.5, 1), (60.0, 0), (200.0, 0)]
)
def test_the_thirty_first_code_waits_until_the_first_is_a_minute_old(
    clock: float, wait: int
) -> None:
    assert filled().fail(OFFICE, "new", clock) == wait


def test_a_refused_try_is_not_noted_and_lengthens_nothing() -> None:
    limit = filled()
    assert {limit.fail(OFFICE, f"again {number}", 30.0) for number in range(100)} == {30}
    assert limit.fail(OFFICE, "new", 60.0) == 0
    assert limit.fail(OFFICE, "newer", 60.0) == 1


def test_the_same_code_again_counts_once() -> None:
    limit = CodeLimit()
    assert {limit.fail(OFFICE, "pressed twice", 1.0) for _ in range(100)} == {0}
    assert [limit.fail(OFFICE, str(number), 2.0) for number in range(30)] == [0] * 29 + [59]
    assert limit.fail(OFFICE, "pressed twice", 3.0) == 0


def test_another_address_is_not_touched_but_one_ipv6_network_is_one() -> None:
    assert filled().fail("192.0.2.2", "new", 30.0) == 0
    home = filled("2001:db8:1:2::1")
    assert home.fail("2001:db8:1:2:ffff::9", "new", 30.0) == 30
    assert home.fail("2001:db8:1:3::1", "new", 30.0) == 0


def test_what_is_kept_is_bounded_and_holds_no_code() -> None:
    limit = CodeLimit()
    for number in range(MOST_KEPT + 50):
        limit.fail(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", "SECRETCODE", 1.0)
    assert len(limit._failed) == MOST_KEPT
    assert "SECRETCODE" not in str(limit._failed)


def test_many_at_once_are_not_let_through() -> None:
    limit, start, waits = CodeLimit(), threading.Barrier(60), []

    def fail(number: int) -> None:
        start.wait(timeout=20)
        waits.append(limit.fail(OFFICE, str(number), 5.0))

    threads = [threading.Thread(target=fail, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(waits) == [0] * 30 + [60] * 30
