"""What a returned mail says: real shapes are understood, everything else changes nothing.

Nothing makes the reader fall over.
"""

import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey.config import Config
from survey.mail.bounces.rules import (
    LARGEST,
    BounceNotice,
    bounce_reason,
    is_report,
    read_bounce_notice,
)
from survey.mail.rules.return_address import envelope_sender
from tests.conftest import settings as installation
from tests.mail import returned
from tests.mail.returned import TEXT, headers_of, multipart, report
from tests.proofs import examples

MARK = "0123456789abcdef0123456789abcdef"
OURS = f"<{MARK}@northwind.example>"
FAILED = BounceNotice(frozenset({MARK}), is_ours=True, code="5.1.1")


def read(raw: bytes, config: Config) -> BounceNotice | None:
    return read_bounce_notice(raw, config.mail_from, config.bounce_address)


def sender_of(config: Config) -> str:
    return envelope_sender(config.mail_from, config.bounce_address, OURS)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("installation")
    return installation(f"sqlite:///{folder / 'candour.db'}", folder)


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (report, "5.1.1"),
        (returned.exchange, "5.1.10"),
        (returned.gmail, "5.2.2"),
        (returned.exim, "5.0.0"),
    ],
    ids=["Postfix", "Microsoft 365", "Gmail", "Exim"],
)
def test_a_notice_in_the_shape_of_a_real_server_names_the_letter_and_the_code(
    config: Config, shape: Callable[[str], bytes], code: str
) -> None:
    notice = read(shape(OURS), config)
    assert notice == BounceNotice(frozenset({MARK}), is_ours=True, code=code)
    assert read(shape(OURS).replace(b"\r\n", b"\n"), config) == notice


@pytest.mark.parametrize(
    "shape", [returned.qmail, returned.old_exim, returned.out_of_office, returned.read_receipt]
)
def test_what_is_no_delivery_status_notification_is_none(
    config: Config, shape: Callable[[str], bytes]
) -> None:
    assert read(shape(OURS), config) is None


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        ("failed", "5.1.1", "5.1.1"),
        ("FAILED", "5.7.26 (authentication required)", "5.7.26"),
        ("failed (gave up)", "5.0.0", "5.0.0"),
        ("failed", "4.4.7", "4.4.7"),  # given up after days: final all the same (RFC 3464, 2.3.3)
        ("delayed", "4.4.1", ""),
        ("delayed", "5.1.1", ""),
        ("relayed", "2.0.0", ""),
        ("delivered", "2.0.0", ""),
        ("expanded", "2.0.0", ""),
        ("failed", "2.0.0", ""),
        ("failed", "550 no such user", ""),
        ("failed", "5.1", ""),
        ("failed", "5.1.1.1", ""),
        ("failed", "5.1.1111", ""),
        ("failed", "\u0665.1.1", ""),
        ("", "5.1.1", ""),
    ],
)
def test_only_a_failure_with_a_code_is_final(
    config: Config, action: str, status: str, code: str
) -> None:
    notice = read(report(OURS, action=action, status=status), config)
    assert notice == replace(FAILED, code=code)


def test_a_letter_that_reached_one_of_two_mailboxes_has_not_failed(config: Config) -> None:
    two = "Final-Recipient: rfc822; a@x.example\nAction: {}\nStatus: 2.0.0\n\n"
    two += "Final-Recipient: rfc822; b@x.example\nAction: failed\nStatus: 5.1.1\n"
    parts = [
        TEXT,
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n{two}",
        f"Content-Type: message/rfc822\n\n{headers_of(OURS)}",
    ]
    coded = {
        action: read(multipart([part.replace("{}", action) for part in parts]), config)
        for action in ("relayed", "delayed")
    }
    assert {action: notice.code for action, notice in coded.items() if notice} == {
        "relayed": "",
        "delayed": "5.1.1",
    }


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_an_encoded_part_is_decoded(config: Config, encoding: str) -> None:
    status = {
        "base64": (
            "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAeC5leGFtcGxlCkFjdGlvbjogZmFpbGVkClN0YXR1czogNS4xLjEK"
        ),
        "quoted-printable": "Action: fail=\ned\nStatus: 5=2E1.1\n",
    }[encoding]
    parts = [
        TEXT,
        f"Content-Type: message/delivery-status\nContent-Transfer-Encoding: {encoding}\n\n{status}",
    ]
    assert (
        read(
            multipart([*parts, f"Content-Type: text/rfc822-headers\n\n{headers_of(OURS)}"]), config
        )
        == FAILED
    )


def test_neither_words_nor_bodies_are_read_for_an_id(config: Config) -> None:
    other = "<ffffffffffffffffffffffffffffffff@northwind.example>"
    raw = report(
        OURS,
        kind="message/rfc822",
        returned=f"{headers_of(OURS)}\nMessage-ID: {other}\nX-Original-Message-ID: {other}\n",
    )
    assert (
        read(raw.replace(b"could not be delivered", f"Message-ID: {other}".encode()), config)
        == FAILED
    )


def test_a_foreign_letters_notice_is_not_ours(config: Config) -> None:
    assert read(report("<CAF+x@mail.gmail.com>"), config) == BounceNotice(
        frozenset(), is_ours=False, code="5.1.1"
    )
    assert read(report(f"<{MARK}@elsewhere.example>"), config) == replace(FAILED, is_ours=False)
    assert read(report(OURS.upper()), config) == FAILED


def test_an_address_of_its_own_for_each_letter_names_it_without_any_returned_header(
    config: Config,
) -> None:
    one_each = replace(config, bounce_address="bounces+*@northwind.example")
    raw = report("", returned="Subject: x\n", to=f"<bounces+{MARK}@northwind.example>")
    assert read(raw, one_each) == FAILED
    assert read(raw, config) == BounceNotice(frozenset(), is_ours=False, code="5.1.1")
    for stranger in (
        f"xbounces+{MARK}@northwind.example",
        f"bounces+{MARK}0@northwind.example",
        f"bounces+{MARK}@northwind.example.evil.example",
    ):
        notice = read(report("", returned="Subject: x\n", to=stranger), one_each)
        assert notice == BounceNotice(frozenset(), is_ours=False, code="5.1.1"), stranger


def test_the_envelope_sender_is_the_senders_own_address_or_one_for_bounces_or_one_for_each_letter(
    config: Config,
) -> None:
    assert sender_of(config) == "feedback@northwind.example"
    assert (
        sender_of(replace(config, bounce_address="bounces@northwind.example"))
        == "bounces@northwind.example"
    )
    assert (
        sender_of(replace(config, bounce_address="bounces+*@northwind.example"))
        == f"bounces+{MARK}@northwind.example"
    )


def test_reasons_are_our_own_words() -> None:
    assert bounce_reason("5.1.10") == "this mailbox does not exist"
    assert bounce_reason("5.4.310") == "the letter found no way to this mailbox"
    assert bounce_reason("5.0.0") == "the letter came back"


@pytest.mark.parametrize(
    ("header", "is_one"),
    [(" Multipart/Report; report-type=delivery-status", True), ("text/plain", False), ("", False)],
)
def test_one_header_field_tells_what_is_worth_fetching(header: str, is_one: bool) -> None:  # noqa: FBT001
    assert is_report(header) is is_one


# What wants to make it fall over


BROKEN = {
    "nothing": b"",
    "NULs": b"\0" * 5000,
    "no blank line": b"Content-Type: multipart/report; boundary=x",
    "no boundary": b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\n--\r\n",
    "an empty boundary": b'Content-Type: multipart/report; boundary=""\r\n\r\n--\r\n--\r\n',
    "a boundary in Arabic": (
        'Content-Type: multipart/report; boundary="حد"\r\n\r\n--حد\r\n'.encode()
    ),
    "a boundary without end": b'Content-Type: multipart/report; boundary="' + b"x" * 100_000,
    "too large": report(OURS) + b" " * LARGEST,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_none(config: Config, name: str) -> None:
    assert read(BROKEN[name], config) is None


def nested(depth: int) -> bytes:
    opening = "".join(
        f"--b{n}\nContent-Type: multipart/report; report-type=delivery-status;"
        f" boundary=b{n + 1}\n\n"
        for n in range(depth)
    )
    return b"Content-Type: multipart/report; boundary=b0\n\n" + opening.encode()


HOSTILE = {
    "deep nesting": nested(10_000),
    "letters in letters": (
        b"Content-Type: multipart/report; boundary=b\n\n--b\n"
        + b"Content-Type: message/rfc822\n\n" * 30_000
    ),
    "boundaries only": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n" * 250_000,
    "blank lines only": (
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type:"
        b" message/delivery-status\n\n" + b" \n" * 500_000
    ),
    "headers only": b"A: b\n" * 200_000,
    "one folded header": b"Content-Type: multipart/report;\n" + b" a=b;\n" * 150_000,
    "one long header": b"Content-Type: " + b'a="' * 300_000,
    "quotes": (
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n"
        + b"=" * 900_000
    ),
    "blanks behind a boundary": (
        b"Content-Type: multipart/report; boundary=b\n\n" + (b"--b" + b" " * 1000 + b"x\n") * 1000
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_read_within_bounds(config: Config, name: str) -> None:
    tracemalloc.start()
    try:
        notice = read(HOSTILE[name][:LARGEST], config)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert notice is None or not (notice.marks or notice.code)
    assert most < 24 * LARGEST


def test_a_notice_that_is_cut_off_says_what_it_still_holds(config: Config) -> None:
    raw = report(OURS)
    notices = [read(raw[:length], config) for length in range(0, len(raw), 7)]
    assert {one for one in notices if one and one.code and one.marks} == {FAILED}
    assert notices[0] is None


LINES = st.sampled_from(
    [
        "--b", "--b--", "", " ", "\0",
        "Content-Type: message/delivery-status", "Content-Type: text/rfc822-headers",
        "Content-Type: message/rfc822",
        "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable",
        "Action: failed", "Status: 5.1.1", "Status: 9.9.9",
        f"Message-ID: {OURS}", "Message-ID: <", f"To: bounces+{MARK}@northwind.example",
        "x" * 1000, "=?utf-8?q?=00?=", ": :", "é\udcff",
    ]
)  # fmt: skip


@settings(max_examples=examples(300))
@given(lines=st.lists(LINES, max_size=40), noise=st.binary(max_size=200), at=st.integers(0, 2000))
def test_whatever_is_put_together_is_read_without_falling_over(
    lines: list[str], noise: bytes, at: int
) -> None:
    config = CONFIG
    body = "\n".join(lines).encode("utf-8", "surrogateescape")
    raw = b"Content-Type: multipart/report; boundary=b\n\n" + body[:at] + noise + body[at:]
    notice = read(raw, config)
    assert notice is None or re.fullmatch(r"([45]\.\d{1,3}\.\d{1,3})?", notice.code)
    assert notice is None or all(re.fullmatch("[0-9a-f]{32}", mark) for mark in notice.marks)


@settings(max_examples=examples(200))
@given(raw=st.binary(max_size=3000))
def test_rubbish_is_none(raw: bytes) -> None:
    assert read(raw, CONFIG) is None


CONFIG = Config(
    "sqlite:///x",
    "http://localhost",
    "",
    Path(),
    "catcher://",
    "Dana <feedback@northwind.example>",
    bounce_address="bounces+*@northwind.example",
)
