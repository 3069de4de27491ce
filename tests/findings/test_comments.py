"""Comments are read, decided and frozen before anything of them leaves.

What is held, unread or taken out leaves nowhere.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import list_entries
from survey.database import db, transaction
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import (
    find_sharing,
    preview_sharing,
    share_findings,
    sharing_recipients,
)
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher
from survey.responses.service.comments import Comment, released_comments
from survey.waves.rules.waves import Wave, WaveState
from tests.cast import (
    answer_all,
    close_company,
    counted_company,
    decide,
    open_company,
    under_review,
)
from tests.findings.company import CANARY, small_company
from tests.proofs import on_postgresql

HIDDEN_WORD = "canaryhidden"


@pytest.fixture
def wave(app: Flask) -> Wave:
    return small_company(app).wave


def all_comments(wave: Wave) -> list[Comment]:
    """In the order of their ids, for the review lists them in random order."""
    comments = [
        comment for question in under_review(wave.slug).questions for comment in question.comments
    ]
    return sorted(comments, key=lambda comment: comment.id)


def rewrite(wave: Wave, *texts: str) -> list[str]:
    """Gives the first comments these texts, as if they had been written so; their ids."""
    chosen = [comment.id for comment in all_comments(wave)[: len(texts)]]
    with transaction() as session:
        for comment_id, new_text in zip(chosen, texts, strict=True):
            values = {"t": new_text, "i": bytes.fromhex(comment_id)}
            session.execute(text("UPDATE comment SET text = :t WHERE id = :i"), values)
    return chosen


def reviewed(wave: Wave) -> None:
    """Releases two, redacts one, holds one back, and leaves all others unread.

    Whatever may not leave says so.
    """
    texts = (
        "Phones work, mostly",
        "VPN <drops> & drops\non Mondays",
        f"Ask {HIDDEN_WORD} in IT",
        f"I am {HIDDEN_WORD} the boss",
    )
    first, second, third, fourth = rewrite(wave, *texts)
    for comment_id in (first, second):
        decide(wave.slug, comment_id, "release", actor="mira")
    decide(
        wave.slug,
        third,
        "redact",
        offered="Ask [...] in IT",
        actor="mira",
    )
    decide(wave.slug, fourth, "hold", actor="mira")


LEAVE = ["Ask [...] in IT", "Phones work, mostly", "VPN <drops> & drops\non Mondays"]


def send(wave: Wave, **along: bool) -> str:
    """Shares with Otto; the sharing's id."""
    (shared,) = share_findings(
        wave.slug,
        [sharing_recipients(wave)[1][0].id],
        wave.closes_at + timedelta(days=3),
        actor="test",
        **along,
    )
    return shared.id


def stored(table: str) -> int:
    return int(db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@on_postgresql("databases")
def test_none_is_released_by_default_and_each_decision_is_counted(wave: Wave) -> None:
    assert under_review(wave.slug).counts == {
        "released": 0,
        "redacted": 0,
        "held": 0,
        "unread": 38,
    }
    assert released_comments(wave) == ()
    reviewed(wave)
    assert under_review(wave.slug).counts == {
        "released": 2,
        "redacted": 1,
        "held": 1,
        "unread": 34,
    }
    assert sorted(released_comments(wave)) == LEAVE
    comments = find_findings(wave.slug).document["comments"]
    assert (comments["shown"], comments["held_back"]) == (0, 38), "as counted"


def test_a_decision_can_be_changed_and_leaves_nothing_of_the_one_before(wave: Wave) -> None:
    (first,) = rewrite(wave, "Ask Ada in IT")
    decide(
        wave.slug,
        first,
        "redact",
        offered="Ask [...] in IT",
        actor="mira",
    )
    assert decide(wave.slug, first, "hold", actor="mira").redacted is None
    assert released_comments(wave) == ()
    released = decide(wave.slug, first, "release", offered="Ask Ada in IT", actor="mira")
    assert released.leaves == "Ask Ada in IT"


@on_postgresql("databases")
def test_the_order_is_another_each_time(wave: Wave) -> None:
    for comment in all_comments(wave)[:15]:
        decide(
            wave.slug,
            comment.id,
            "release",
            offered=comment.text,
            actor="mira",
        )
    reviews = {
        tuple(comment.id for comment in under_review(wave.slug).questions[0].comments)
        for _ in range(5)
    }
    sharings = {
        preview_sharing(find_findings(wave.slug), "", wave.closes_at, with_comments=True).comments
        for _ in range(5)
    }
    assert (len(reviews), len(sharings)) == (5, 5)


@on_postgresql("databases")
def test_a_decision_is_in_the_audit_log_without_a_word_of_the_comment(wave: Wave) -> None:
    reviewed(wave)
    entries = [entry for entry in list_entries() if entry.what == "comment reviewed"]
    assert [(entry.who, entry.facts["decision"]) for entry in reversed(entries)] == [
        ("mira", decision) for decision in ("released", "released", "redacted", "held")
    ]
    assert {key for entry in entries for key in entry.facts} == {"wave", "comment", "decision"}
    assert not any(word in str(entries) for word in (HIDDEN_WORD, CANARY, "Phones", "[...]"))


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("decision", "offered", "says"),
    [
        ("redact", "Ask nobody in IT", "Only words may be taken out"),
        ("redact", None, "Only words may be taken out"),
        ("release", "Ask [...] in IT", "You changed the text"),
        ("publish", None, "Choose what to do"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_and_changes_nothing(
    wave: Wave, decision: str, offered: str | None, says: str
) -> None:
    (first,) = rewrite(wave, "Ask Ada in IT")
    with pytest.raises(Refused, match=says):
        decide(wave.slug, first, decision, offered=offered, actor="mira")
    assert under_review(wave.slug).counts["unread"] == 38
    assert "comment reviewed" not in {entry.what for entry in list_entries()}


def test_only_comments_of_this_wave_can_be_decided(app: Flask, wave: Wave) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE comment SET wave_id = :w WHERE id = :i"),
            strayed := {"w": noise(), "i": first_id(wave)},
        )
    for unknown in (strayed["i"].hex(), "00" * 16, "00", "rubbish", ""):
        with pytest.raises(Refused, match="not there any more"):
            decide(wave.slug, unknown, "release", actor="mira")
    assert under_review(wave.slug).counts["unread"] == 37


def noise() -> str:
    return str(
        db.session.execute(text("SELECT id FROM wave WHERE slug LIKE 'noise%'")).scalars().first()
    )


def first_id(wave: Wave) -> bytes:
    return bytes.fromhex(all_comments(wave)[0].id)


def test_a_group_stands_beside_a_comment_only_where_it_cannot_point_at_a_small_one(
    wave: Wave,
) -> None:
    review = under_review(wave.slug)
    assert review.named == {"Sales", "Service"}
    assert {comment.group for comment in all_comments(wave)} == {"Sales", "Service", None}
    groups = [
        {"name": name, "answered": n, "shown": True}
        for name, n in (("Sales", 14), ("Service", 12), ("Finance", 7))
    ]
    document = review.findings.document | {"groups": groups}
    alone = replace(review, findings=replace(review.findings, document=document))
    assert alone.named == {"Sales"}, "or what has no group would be Finance's"


@on_postgresql("databases")
def test_of_fewer_than_ten_answers_no_comment_is_read_decided_or_sent(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:9], comment=CANARY)
    wave = close_company(company)
    with transaction() as session:
        session.execute(text("UPDATE comment SET state = 'released'"))
    comment_id = db.session.execute(text("SELECT id FROM comment")).scalars().first().hex()
    for attempt in (
        lambda: under_review(wave.slug),
        lambda: decide(wave.slug, comment_id, "hold", actor="mira"),
    ):
        with pytest.raises(Refused, match=r"Comments are read from 10 answers; .* has 9"):
            attempt()
    assert released_comments(wave) == ()
    with pytest.raises(Refused, match="comments go from 10 answers"):
        send(wave, with_comments=True)
    assert (stored("sharing"), find_findings(wave.slug).wave.state) == (0, WaveState.COUNTED)


@on_postgresql("databases")
def test_before_the_count_nothing_is_reviewed(app: Flask) -> None:
    company = open_company(app)
    with pytest.raises(Refused, match="appear once it has closed"):
        under_review(company.wave.slug)


@on_postgresql("databases")
def test_what_is_released_at_the_moment_of_sharing_is_what_the_mail_prints(
    wave: Wave, tmp_path: Path
) -> None:
    reviewed(wave)
    shared_id = send(wave, with_comments=True)
    for comment in all_comments(wave):
        opposite = "hold" if comment.leaves else "release"
        decide(wave.slug, comment.id, opposite, actor="mira")
    sharing = find_sharing(shared_id)
    assert sharing
    assert sorted(sharing.comments) == LEAVE
    (letter,) = letters(tmp_path)
    html = letter.html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    for part in (letter.text, html):
        assert all(line in part for words in LEAVE for line in words.splitlines())
    (entry,) = [entry for entry in list_entries() if entry.what == "findings shared"]
    assert (entry.facts["comments"], entry.facts["groups"]) == (3, False)


def letters(folder: Path) -> list[object]:
    catcher = Catcher(folder / "caught")
    mail.deliver_letters(seconds=30, channel=catcher)
    return [letter for letter in catcher.letters() if "staff survey" in letter.subject]


LEAVES: Mapping[str, Callable[[Wave, Path], str]] = {
    "mail": lambda wave, folder: str([(letter.text, letter.html) for letter in letters(folder)]),  # type: ignore[attr-defined]
    "csv": lambda wave, folder: as_csv(find_findings(wave.slug)),
    "json": lambda wave, folder: json.dumps(find_findings(wave.slug).document),
    "sharing": lambda wave, folder: str(db.session.execute(text("SELECT * FROM sharing")).all()),
    "audit": lambda wave, folder: str(list_entries(limit=None)),
    "outbox": lambda wave, folder: str(db.session.execute(text("SELECT * FROM outbox")).all()),
}


@on_postgresql("databases")
@pytest.mark.parametrize(
    "along", [{}, {"with_comments": True}, {"with_comments": True, "with_groups": True}], ids=str
)
def test_what_is_held_unread_or_taken_out_leaves_nowhere(
    wave: Wave, tmp_path: Path, along: dict[str, bool]
) -> None:
    reviewed(wave)
    send(wave, **along)
    for name, read in LEAVES.items():
        content = read(wave, tmp_path)
        assert len(content) > 100, name
        assert [word for word in (HIDDEN_WORD, CANARY) if word in content] == [], name


def test_asking_for_comments_when_none_is_released_sends_nothing(wave: Wave) -> None:
    with pytest.raises(
        Refused, match=r"each released by who reads them\. Review them, or share without"
    ):
        send(wave, with_comments=True)
    assert (stored("sharing"), find_findings(wave.slug).wave.state) == (0, WaveState.COUNTED)


def test_a_mail_that_would_be_too_long_is_refused_whole(wave: Wave) -> None:
    with transaction() as session:
        session.execute(text("UPDATE comment SET state = 'released', text = :t"), {"t": "é" * 1000})
    with pytest.raises(
        Refused, match=r"The mail would have \d+ kB; 40 kB are the most .* Nothing was sent"
    ):
        send(wave, with_comments=True)
    assert (stored("sharing"), mail.delivery_status(wave.slug).counts("findings")) == (0, {})
    send(wave)
    assert stored("sharing") == 1


@on_postgresql("databases")
def test_one_group_alone_is_no_comparison_to_share(app: Flask) -> None:
    company = open_company(app, {"Sales": 12, "Legal": 3})
    answer_all(company, company.codes[:12])
    with pytest.raises(Refused, match="no reporting groups to compare"):
        send(close_company(company), with_groups=True)


@on_postgresql("databases")
def test_a_plain_sharing_holds_neither_comments_nor_groups(app: Flask) -> None:
    sharing = find_sharing(send(counted_company(app).wave))
    assert sharing
    assert (sharing.comments, sharing.groups, sharing.mark) == ((), False, "")
