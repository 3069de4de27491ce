"""Heads of the audit log: read back from whatever they were kept in, and held against the log."""

import json
import quopri
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from survey.access.rules.audit_file import heads_in_file
from survey.access.rules.audit_log import (
    EMPTY_LOG,
    LogHead,
    LogVerdict,
    PublishedHead,
    RecordedRestore,
    judge_log,
)

HEX = "0123456789abcdef" * 4
HEAD = LogHead(1234, f"sha256:{HEX}")
LINE = f"Audit log: 1,234 entries,\nsha256:{HEX}"
HTML = (
    '<p class="small">Audit log: 1,234 entries,\n<span style="x">sha256:'
    f"{HEX}</span></p><p>Version 1, 0123456789abcdef.</p>"
)
WHEN = datetime(2027, 3, 1, 9, tzinfo=UTC)


def mail(**how: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = "feedback@northwind.example", "otto@brightline.example"
    message["Subject"] = "Findings"
    message.set_content(f"Dear Otto,\n\n{LINE}\n\nVersion 1, abcdef.", **how)
    message.add_alternative(f"<html><body>{HTML}</body></html>", subtype="html", **how)
    return message


def forwarded(inner: EmailMessage) -> EmailMessage:
    outer = EmailMessage()
    outer["Subject"] = "Fwd: Findings"
    outer.set_content("See below.")
    outer.add_attachment(inner)
    return outer


def with_attachment(content: bytes, name: str) -> EmailMessage:
    outer = EmailMessage()
    outer["Subject"] = "As a file"
    outer.set_content("See the attachment.")
    outer.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return outer


def folded(text: str, width: int) -> str:
    """A text as a mail program that breaks every long line hard."""
    lines = [
        line[at : at + width] for line in text.split("\n") for at in range(0, len(line), width)
    ]
    return "\n".join(lines)


DOCUMENT = {"schema": 2, "audit": {"head": HEAD.head, "length": HEAD.length}, "digest": "sha256:x"}
KEPT: dict[str, bytes] = {
    "the text": LINE.encode(),
    "the text on one line": LINE.replace("\n", " ").encode(),
    "with Windows line ends": LINE.replace("\n", "\r\n").encode(),
    "quoted": LINE.replace("\n", "\n> ").encode(),
    "quoted twice and folded": "\n".join(
        f">> {line}" for line in folded(LINE, 40).split("\n")
    ).encode(),
    "in capitals": LINE.upper().encode(),
    "with another thousands separator": LINE.replace("1,234", "1\u202f234").encode(),
    "with points": LINE.replace("1,234", "1.234").encode(),
    "as UTF-16": LINE.encode("utf-16"),
    "as HTML": HTML.encode(),
    "as escaped HTML": HTML.replace("entries,\n", "entries,&nbsp;\n").encode(),
    "as quoted-printable, pasted": quopri.encodestring(LINE.encode()),
    "as quoted-printable, folded early": LINE.replace("abcd", "ab=\r\ncd", 2).encode(),
    "a mail": mail().as_bytes(),
    "a mail as quoted-printable": mail(cte="quoted-printable").as_bytes(),
    "a mail as base64": mail(cte="base64").as_bytes(),
    "a forwarded mail": forwarded(mail(cte="base64")).as_bytes(),
    "a mail with a mail as a file": with_attachment(mail().as_bytes(), "m.eml").as_bytes(),
    "a mail with findings": with_attachment(json.dumps(DOCUMENT).encode(), "f.json").as_bytes(),
    "findings": json.dumps(DOCUMENT).encode(),
    "findings, indented, with a byte order mark": b"\xef\xbb\xbf\n"
    + json.dumps(DOCUMENT, indent=1).encode(),
    "what verify prints": json.dumps({"whole": True, **DOCUMENT["audit"]}).encode(),  # type: ignore[dict-item]
    "a list of findings": json.dumps([DOCUMENT, DOCUMENT]).encode(),
}


@pytest.mark.parametrize("content", KEPT.values(), ids=KEPT.keys())
def test_a_head_is_read_back_from_whatever_it_was_kept_in(content: bytes) -> None:
    assert heads_in_file(content) == (HEAD,)


@pytest.mark.parametrize("kind", ["text", "mailbox", "JSON"])
def test_several_heads_in_one_file_are_all_found(kind: str) -> None:
    other = LogHead(7, f"sha256:{HEX[::-1]}")
    second = f"Audit log: 7 entries, {other.head}"
    content = {
        "text": f"{LINE}\n\n{second}\n\n{LINE}".encode(),
        "mailbox": b"".join(
            b"From somebody Mon Jan 11 09:00:00 2027\n" + one + b"\n"
            for one in (mail(cte="base64").as_bytes(), b"Subject: x\n\n" + second.encode())
        ),
        "JSON": json.dumps([DOCUMENT, {"audit": {"head": other.head, "length": 7}}]).encode(),
    }[kind]
    assert heads_in_file(content) == (other, HEAD)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Dear Otto, all is well.",
        f"Audit log: 1,234 entries, sha256:{HEX[:-1]}".encode(),
        f"Audit log: 1,234 entries, sha256:{HEX}0".encode(),
        f"Audit log: 99999999999 entries, sha256:{HEX}".encode(),
        f"sha256:{HEX}".encode(),
        json.dumps({"schema": 1, "digest": HEAD.head}).encode(),
        json.dumps({"head": HEAD.head, "length": True}).encode(),
        json.dumps({"head": HEAD.head, "length": -1}).encode(),
        json.dumps({"head": HEAD.head.upper(), "length": 1}).encode(),
        b"[" * 100_000,
        b"{" + b"\xff" * 500,
        b64encode(LINE.encode()),
        b"From \xff\n" * 5000,
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" * 50,
        b"Content-Type: text/plain; charset=klingon\n\nAudit log:",
        ("> " * 50_000 + "Audit log: " + "1" * 5000 + "a " * 50_000).encode(),
    ],
    ids=range(17),
)
def test_what_holds_no_head_gives_none_however_it_looks(content: bytes) -> None:
    assert heads_in_file(content) == ()


# The verdict.


def digest_of(number: int) -> str:
    return f"sha256:{number:064d}"


def told(
    length: int, by: str = "a mail", head: str | None = None, *, is_outside: bool = False
) -> PublishedHead:
    return PublishedHead(by, length, head or digest_of(length), is_outside)


def verdict(
    length: int,
    *published: PublishedHead,
    restores: tuple[RecordedRestore, ...] = (),
    broken: int | None = None,
    has_waves: bool = True,
) -> LogVerdict:
    """The verdict on a log of so many entries, each with the digest of its number."""
    log = LogHead(length, digest_of(length)) if length else EMPTY_LOG
    digests = {number: digest_of(number) for number in range(1, length + 1)}
    return judge_log(log, broken, digests, published, restores, has_waves=has_waves)


def restored(
    number: int, copy: int, before: int | None, head: str | None = None
) -> RecordedRestore:
    head_before = digest_of(900 + before) if before else None
    return RecordedRestore(number, WHEN, copy, digest_of(copy), before, head or head_before)


def test_a_log_that_leads_to_all_heads_is_whole() -> None:
    found = verdict(10, told(3), told(10), told(0, head=EMPTY_LOG.head))
    assert (found.is_whole, found.faults, len(found.fitting)) == (True, (), 3)
    assert found.summary == (
        "The chain is unbroken. It has 10 entries. It leads to 3 published heads; the newest is in"
        " a mail."
    )
    assert verdict(1).summary == (
        "The chain is unbroken. It has 1 entry. No head of it was published yet."
    )


CASES: dict[str, tuple[Callable[[], LogVerdict], str]] = {
    "shorter": (
        lambda: verdict(10, told(4, "an old mail"), told(1234)),
        (
            "The log has 10 entries, but a mail was made when it had 1,234: entries 11 to 1,234 are"
            " missing, and entries 5 to 10 may be rewritten, for an old mail fits up to entry 4."
        ),
    ),
    "one short": (
        lambda: verdict(1, told(2)),
        (
            "The log has 1 entry, but a mail was made when it had 2: entry 2 is missing, and entry"
            " 1 may be rewritten."
        ),
    ),
    "rewritten with the heads in the database, one head outside": (
        lambda: verdict(10, told(9, "findings"), told(12, "a mail outside", is_outside=True)),
        (
            "The log has 10 entries, but a mail outside was made when it had 12: entries 11 to 12"
            " are missing, and entries 1 to 10 may be rewritten."
        ),
    ),
    "rewritten": (
        lambda: verdict(10, told(4, "an old mail"), told(7, head=HEAD.head)),
        (
            "The log does not lead to the head in a mail: what is wrong lies in entries 5 to 7, for"
            " an old mail fits up to entry 4."
        ),
    ),
    "rewritten from the start, then published anew": (
        lambda: verdict(10, told(3, head=HEAD.head), told(5, head=HEAD.head), told(9, "new")),
        (
            "The log does not lead to the head in a mail: what is wrong lies in entries 1 to 3. 1"
            " other published head does not fit either."
        ),
    ),
    "broken": (
        lambda: verdict(10, broken=4),
        "The chain is broken at entry 4: that entry or the one before was changed.",
    ),
    "emptied": (
        lambda: verdict(0),
        (
            "The log is empty although there are waves, and every wave leaves entries: they were"
            " taken out."
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_with_its_place(case: str) -> None:
    judge, sentence = CASES[case]
    found = judge()
    assert not found.is_whole
    assert found.faults[-1] == sentence


def test_an_empty_log_without_waves_is_whole() -> None:
    assert verdict(0, has_waves=False).is_whole


def test_a_recorded_restore_explains_heads_of_its_gap_and_no_others() -> None:
    gap = restored(6, 5, 9)
    in_gap, at_its_end = told(7, head=HEAD.head), told(9, head=digest_of(909))
    found = verdict(8, told(5), in_gap, at_its_end, restores=(gap,))
    assert (found.is_whole, found.explained) == (True, (in_gap, at_its_end))
    assert found.notes[0] == (
        "Entry 6: the database was restored on 2027-03-01 09:00 UTC. Of the log before, entries 6"
        " to 9 are not here."
    )
    for other in (told(4, head=HEAD.head), told(10), told(9, head=HEAD.head)):
        assert verdict(8, other, restores=(gap,)).missing == (other,)


@pytest.mark.parametrize(
    "gap",
    [
        restored(6, 5, None),
        restored(5, 5, 9),
        RecordedRestore(6, WHEN, 5, HEAD.head, 9, None),
    ],
    ids=["the log before was unreadable", "a copy of what is later", "another log's copy"],
)
def test_a_restore_that_does_not_know_or_does_not_fit_explains_nothing(
    gap: RecordedRestore,
) -> None:
    assert not verdict(8, told(7, head=HEAD.head), restores=(gap,)).is_whole


def test_a_restore_says_when_nothing_or_nobody_knows_what_was_lost() -> None:
    assert restored(6, 5, 5).words.endswith("UTC. No entry was lost.")
    assert "nobody knows how many entries were lost" in restored(6, 5, None).words


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"copy_length": "5", "copy_head": HEAD.head},
        {"copy_length": 5},
        {"copy_length": 5, "copy_head": HEAD.head, "previous_length": "9"},
        {"copy_length": 5, "copy_head": HEAD.head, "previous_length": 9, "previous_head": 9},
    ],
    ids=str,
)
def test_an_entry_of_another_form_is_no_restore(facts: dict[str, object]) -> None:
    assert RecordedRestore.of_entry(6, WHEN, facts) is None
    whole = {"copy_length": 5, "copy_head": HEAD.head}
    unknown = RecordedRestore(6, WHEN, 5, HEAD.head, None, None)
    assert RecordedRestore.of_entry(6, WHEN, whole) == unknown
