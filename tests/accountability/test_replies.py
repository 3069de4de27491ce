"""What a reply, a commitment and a draft may be, and when the mail may go."""

from datetime import date, timedelta

import pytest

from survey.accountability.rules.replies import (
    LONGEST_REPLY,
    MOST_COMMITMENTS,
    Commitment,
    RecordedReply,
    Side,
    TypedCommitment,
    check_received,
    read_commitments,
    read_day,
    read_reply,
)
from survey.followups.rules.follow_up import FollowUpStanding, read_draft
from survey.kernel.errors import Refused

SHARED, DUE = date(2027, 1, 28), date(2027, 2, 11)
GOOD = TypedCommitment("provider", "Close tickets when both agree", "Petra Holm", "2027-03-31")


def standing(today: date, record: RecordedReply | None = None) -> FollowUpStanding:
    return FollowUpStanding(SHARED, DUE, today, record)


def test_without_a_reply_the_mail_may_go_from_the_day_after_it_was_due() -> None:
    assert [standing(DUE + timedelta(days=n)).may_send for n in (-5, 0, 1)] == [False, False, True]
    assert standing(DUE).from_day == date(2027, 2, 12)


def test_with_a_reply_the_mail_may_go_at_once_and_commitments_alone_are_no_reply() -> None:
    assert standing(SHARED, RecordedReply(1, "Agreed.", SHARED)).may_send
    assert not standing(
        SHARED, RecordedReply(1, None, None, (Commitment(Side.CLIENT, "Call", "Dana", DUE),))
    ).may_send


def test_staff_hear_five_working_days_after_the_reply_was_due_and_not_a_day_later() -> None:
    assert standing(DUE).due == date(2027, 2, 18)
    assert [standing(date(2027, 2, day)).is_overdue for day in (18, 19)] == [False, True]


def test_holidays_put_off_the_day_by_which_staff_hear() -> None:
    holidays = frozenset({date(2027, 2, 15), date(2027, 2, 20)})
    assert FollowUpStanding(SHARED, DUE, DUE, holidays=holidays).due == date(2027, 2, 19)


def test_a_reply_is_kept_word_for_word() -> None:
    text = "  Indented,\n\n\u202fwith\ttabs, \u05d5\u05d3 and 'quotes' & <marks>\n -- \nOtto"
    assert read_reply(text) == text
    assert read_reply("\r\n \r\nOne\r\nTwo\r\n\r\n") == "One\nTwo"
    assert read_reply("x" * LONGEST_REPLY) == "x" * LONGEST_REPLY


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (" \n\t\r\n ", "is empty"),
        ("x" * 100_000, "has 100,000 characters"),
        ("a\0b", "control character"),
        ("a\x1b[31mb", "control character"),
        ("a\ud800b", "control character"),
        ("a\u2028b", "control character"),
    ],
)
def test_a_reply_that_no_mail_can_carry_is_refused_with_what_to_do(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        read_reply(text)
    assert len(refused.value.sentence) < 300


@pytest.mark.parametrize(
    ("received", "says"),
    [
        (None, "on which day"),
        (date(2027, 2, 10), "today is 2027-02-09"),
        (date(2027, 1, 27), "shared on 2027-01-28"),
    ],
)
def test_a_reply_cannot_have_come_tomorrow_nor_before_the_findings_went_out(
    received: date | None, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        check_received(received, SHARED, date(2027, 2, 9))
    assert check_received(SHARED, SHARED, SHARED) == SHARED


@pytest.mark.parametrize("text", ["31 March", "2027-02-30", "9999-99-99", "x" * 500, "\0"])
def test_what_is_no_day_is_refused_briefly(text: str) -> None:
    with pytest.raises(Refused, match="is not a day") as refused:
        read_day(text)
    assert len(refused.value.sentence) < 120


def test_empty_lines_are_no_commitments_and_good_ones_lose_only_their_surplus_space() -> None:
    typed = [
        TypedCommitment("client", "", " ", ""),
        TypedCommitment("client", " Announce  new starters ", "Dana", "2027-03-05"),
        GOOD,
    ]
    assert read_commitments(typed) == (
        Commitment(Side.CLIENT, "Announce new starters", "Dana", date(2027, 3, 5)),
        Commitment(Side.PROVIDER, "Close tickets when both agree", "Petra Holm", date(2027, 3, 31)),
    )


def test_every_fault_of_every_line_is_named_at_once() -> None:
    typed = [
        TypedCommitment("stranger", "x" * 301, "", "soon"),
        GOOD,
        TypedCommitment("client", "", "Da\0na", "0001-01-01"),
        TypedCommitment("client", "Call", "Dana", ""),
    ]
    with pytest.raises(Refused) as refused:
        read_commitments(typed)
    assert [fault.partition(":")[0] for fault in refused.value.details] == ["Line 1"] * 4 + [
        "Line 3"
    ] * 3 + ["Line 4"]
    assert "without one it is no commitment" in refused.value.details[-1]


def test_so_many_commitments_that_nobody_reads_them_are_refused() -> None:
    assert len(read_commitments([GOOD] * MOST_COMMITMENTS)) == MOST_COMMITMENTS
    with pytest.raises(Refused, match="not complete") as refused:
        read_commitments([GOOD] * (MOST_COMMITMENTS + 1))
    assert "20 are the most" in refused.value.details[0]


def test_a_draft_is_refused_with_all_its_faults() -> None:
    with pytest.raises(Refused) as refused:
        read_draft("x" * 301, "a\0", ["OVR1", "OVR1"], [], "y" * 301)
    assert len(refused.value.details) == 4
    assert read_draft(" one \n line ", "\r\nWe call.\r\n", ["", "OVR1"], [""]).strengths == (
        "OVR1",
    )
