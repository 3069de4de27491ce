"""A letter as a value, and as the octets that go over the wire."""

from datetime import UTC, datetime
from email import message_from_string, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.addresses import address_fault, needs_utf8, wire_address
from survey.kernel.errors import Refused
from survey.mail.rules.letter import Attachment, Letter
from survey.mail.rules.states import DeliveryOutcome, Phase, judge_reply, retry_delay
from survey.mail.smtp.service.message import Message

SENDER = "Dana Reyes <dana@northwind.example>"
MESSAGE_ID = f"<{'5' * 32}@northwind.example>"
AT = datetime(2027, 1, 11, 9, 0, tzinfo=UTC)
STOP = f"<https://feedback.northwind.example/stop/it-support-2027-q1/{'Ab3_' * 11}>"
NAMES = (
    "Ada Berg",
    "Berg, Ada",
    'Anna "The" O\'Neil; <a@b.c>',
    "Jürgen Müller-Lüdenscheidt, Dr.",
    "😀 Emoji 👩‍💻",
    "محمد علي",
    "שרה כהן",
    "李雷",
    "=?utf-8?q?a=0AB?=",
    "Ünal, " * 33,
    "名" * 200,
    "eve@other.example, " * 10,
    "x" * 200,
)


def octets(letter: Letter, sender: str = SENDER) -> bytes:
    return Message(letter, sender, MESSAGE_ID, AT).as_bytes()


def letter(
    name: str = "Ada",
    address: str = "ada@northwind.example",
    subject: str = "Hello",
    text: str = "Hello.\n",
    **more: object,
) -> Letter:
    return Letter(name, address, subject, text, "<p>Hello.</p>\n", **more)  # type: ignore[arg-type]


def read(wire: bytes) -> EmailMessage:
    message = message_from_string(
        wire.decode(), policy=policy.default
    )  # an address may be in UTF-8 (RFC 6532)
    assert isinstance(message, EmailMessage)
    return message


def raw_header(wire: bytes, name: str) -> str:
    """A header as mail programs decode it."""
    lines = wire.decode("ascii").partition("\r\n\r\n")[0].replace("\r\n ", " ").split("\r\n")
    (value,) = [line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: ")]
    return str(make_header(decode_header(value)))


def part(wire: bytes, kind: str) -> str:
    body = read(wire).get_body((kind,))
    assert body
    return str(body.get_content())


@pytest.mark.parametrize("name", NAMES)
def test_every_name_reads_back_equal_and_stays_one_recipient(name: str) -> None:
    wire = octets(letter(name=name))
    (to,) = read(wire)["To"].addresses
    assert to.addr_spec == "ada@northwind.example"
    shown, _, address = raw_header(wire, "To").rpartition("<")
    assert shown.strip().removeprefix('"').removesuffix('"').replace("\\", "") == name.strip()
    assert address == "ada@northwind.example>"
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 76


@given(name=st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=200))
def test_no_name_becomes_a_second_recipient_or_header(name: str) -> None:
    message = read(octets(letter(name=name)))
    assert [to.addr_spec for to in message["To"].addresses] == ["ada@northwind.example"]
    assert [key for key in message if message.get_all(key) != [message[key]]] == []
    assert not message.defects


@pytest.mark.parametrize(
    "subject",
    [
        "Grüße 😀",
        "ü" * 200,
        "word " * 39 + "end",
        "x" * 200,
        "=?utf-8?q?a=0ABcc: eve@x.example?=",
        "a  b",
        "عربي",
    ],
)
def test_every_subject_reads_back_equal(subject: str) -> None:
    wire = octets(letter(subject=subject))
    assert raw_header(wire, "Subject") == subject
    assert read(wire)["Bcc"] is None
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    "text",
    [
        "x" * 5000 + "\n",
        "ü😀" * 2500 + "\n",
        "word " * 1000 + "\n",
        "a \n\n.\n..b\nFrom c\n=3D\ttab\n",
        "Å\u2028\u0445\x0c\n",
    ],
)
def test_a_text_folds_to_76_ascii_octets_and_reads_back_equal(text: str) -> None:
    wire = octets(letter(text=text))
    assert part(wire, "plain").replace("\r\n", "\n") == text
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 76
    assert b"\n" not in wire.replace(b"\r\n", b"")


def test_a_letter_has_its_headers_once_and_two_quoted_printable_parts() -> None:
    wire = octets(letter(reply_to="dana@müller.example", headers=(("List-Unsubscribe", STOP),)))
    message = read(wire)
    assert dict(message.items()) | {"Content-Type": ""} == {
        "From": SENDER,
        "To": "Ada <ada@northwind.example>",
        "Subject": "Hello",
        "Date": "Mon, 11 Jan 2027 09:00:00 +0000",
        "Message-ID": MESSAGE_ID,
        "Reply-To": "dana@xn--mller-kva.example",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "List-Unsubscribe": STOP,
        "MIME-Version": "1.0",
        "Content-Type": "",
    }
    assert len(message.keys()) == len(set(message.keys()))
    assert f"List-Unsubscribe: {STOP}\r\n".encode() in wire
    assert [
        (p.get_content_type(), p["Content-Transfer-Encoding"]) for p in message.iter_parts()
    ] == [
        ("text/plain", "quoted-printable"),
        ("text/html", "quoted-printable"),
    ]


def test_copies_of_a_letter_agree_but_for_the_boundary() -> None:
    one, other = (read(octets(letter())) for _ in range(2))
    assert [(k, v) for k, v in one.items() if k != "Content-Type"] == [
        (k, v) for k, v in other.items() if k != "Content-Type"
    ]


def test_an_attachment_arrives_whole() -> None:
    content = bytes(range(256)) * 9
    (attachment,) = read(
        octets(letter(attachments=(Attachment("Übersicht.pdf", "application/pdf", content),)))
    ).iter_attachments()
    assert (attachment.get_filename(), attachment.get_content_type(), attachment.get_content()) == (
        "Übersicht.pdf",
        "application/pdf",
        content,
    )


def test_a_header_of_the_sender_cannot_be_set_again() -> None:
    with pytest.raises(ValueError, match="Message-ID is set once"):
        octets(letter(headers=(("Message-ID", "<other@x.example>"),)))


@pytest.mark.parametrize(
    "bad", ["\r", "\n", "\r\nBcc: eve@other.example", "\x00", "\x0b", "\x85", "\u2028", "\ud800"]
)
@pytest.mark.parametrize(
    "where", ["name", "subject", "address", "reply_to", "headers", "header name", "attachment"]
)
def test_line_breaks_and_control_characters_are_refused_in_everything_that_becomes_a_header(
    where: str, bad: str
) -> None:
    spoiled: dict[str, object] = {
        "name": f"Ada{bad}",
        "subject": f"Hello{bad}",
        "address": f"ada@northwind.example{bad}",
        "reply_to": f"dana@northwind.example{bad}",
        "headers": (("X-Thing", f"a{bad}"),),
        "header name": ((f"X-Thing{bad}", "a"),),
        "attachment": (Attachment(f"a{bad}.pdf", "application/pdf", b""),),
    }
    field = {"header name": "headers", "attachment": "attachments"}.get(where, where)
    with pytest.raises(
        Refused, match=r"The letter was not written: .*(line break|control character)"
    ):
        letter(**{field: spoiled[where]})  # type: ignore[arg-type]


def test_a_subject_over_200_characters_is_refused() -> None:
    assert letter(subject="ü" * 200).subject
    with pytest.raises(Refused, match="its subject has 201 characters, 200 are the limit"):
        letter(subject="ü" * 201)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "Fill in the address"),
        ("ada", "it has no “@”"),
        ("ada@northwind", "Not a complete address"),
        ("ada b@northwind.example", "Remove the space"),
        ("ada@a.example,eve@b.example", "More than one address"),
        ("Ada <ada@northwind.example>", "without name and brackets"),
        ("ada..b@northwind.example", "typing error"),
        (".ada@northwind.example", "typing error"),
        ("ada.@northwind.example", "typing error"),
        (f"{'a' * 65}@northwind.example", "Longer than"),
        (f"ada@{'b' * 64}.example", "no domain name"),
        (f"ada@{'.'.join(['b' * 60] * 4)}.example", "Longer than"),
        (f"ada@{'.'.join(['ü' * 25] * 8)}.example", "Longer than"),
        (f"{'ü' * 33}@northwind.example", "Longer than"),
        ("ada@xn--zzzz.example", "no domain name"),
    ],
)
def test_an_address_that_no_server_takes_is_refused_with_its_reason(
    address: str, says: str
) -> None:
    assert says in (address_fault(address) or "")
    with pytest.raises(Refused, match="The letter was not written"):
        letter(address=address)


@pytest.mark.parametrize(
    ("address", "on_the_wire"),
    [
        ("ada@müller.example", "ada@xn--mller-kva.example"),
        ("ada@MÜLLER.example", "ada@xn--mller-kva.example"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("ada@例え.example", "ada@xn--r8jz45g.example"),
        ("ünal@müller.example", "ünal@xn--mller-kva.example"),
        ("a'!#$%&*+/=?^_`{|}~-b@northwind.example", "a'!#$%&*+/=?^_`{|}~-b@northwind.example"),
    ],
)
def test_an_international_domain_goes_in_ascii_and_what_stands_before_it_as_it_is(
    address: str, on_the_wire: str
) -> None:
    assert wire_address(address) == on_the_wire
    assert read(octets(letter(address=address)))["To"].addresses[0].addr_spec == on_the_wire


LOCAL = "abcdefghijklmnopqrstuvwxyz0123456789.'!#$%&*+/=?^_`{|}~-üé用"


@given(
    local=st.text(LOCAL, min_size=1, max_size=64),
    domain=st.text("abcß-é.0_!例", min_size=1, max_size=80),
)
def test_an_address_without_fault_can_be_written(local: str, domain: str) -> None:
    address = f"{local}@{domain}.example"
    if address_fault(address) is None:
        for name in ("", "Ü", "ü" * 60):
            wire = octets(letter(name=name, address=address))
            (mailbox,) = read(wire)["To"].addresses
            assert mailbox.addr_spec == wire_address(address)
            assert wire.isascii() is not needs_utf8(address)


def test_an_address_that_stands_in_everybodys_letter_has_no_accents() -> None:
    with pytest.raises(Refused, match="no accents"):
        letter(reply_to="ünal@northwind.example")


@pytest.mark.parametrize(
    ("phase", "code", "enhanced", "outcome"),
    [
        (Phase.CONNECT, 421, "", DeliveryOutcome.AWAY),
        (Phase.CONNECT, 554, "", DeliveryOutcome.AWAY),
        (Phase.SIGN_IN, 535, "5.7.8", DeliveryOutcome.PAUSED),
        (Phase.SIGN_IN, 504, "", DeliveryOutcome.PAUSED),
        (Phase.SIGN_IN, 454, "4.7.0", DeliveryOutcome.LATER),
        (Phase.SENDER, 530, "", DeliveryOutcome.PAUSED),
        (Phase.SENDER, 550, "", DeliveryOutcome.PAUSED),
        (Phase.SENDER, 451, "", DeliveryOutcome.LATER),
        (Phase.RECIPIENT, 550, "5.1.1", DeliveryOutcome.FAILED),
        (Phase.RECIPIENT, 550, "5.7.30", DeliveryOutcome.PAUSED),
        (Phase.RECIPIENT, 452, "4.2.2", DeliveryOutcome.LATER),
        (Phase.DATA, 554, "", DeliveryOutcome.FAILED),
        (Phase.DATA, 550, "5.7.30", DeliveryOutcome.PAUSED),
        (Phase.DATA, 421, "", DeliveryOutcome.LATER),
    ],
)
def test_what_an_answer_means_depends_on_the_phase(
    phase: Phase, code: int, enhanced: str, outcome: DeliveryOutcome
) -> None:
    attempt = judge_reply(phase, code, enhanced)
    assert (attempt.outcome, attempt.code) == (outcome, f"{code} {enhanced}".strip())
    assert attempt.reason


def test_delays_grow_threefold_to_an_hour_and_spread_by_a_fifth() -> None:
    assert [retry_delay(n, 0.5) for n in range(1, 9)] == [10, 30, 90, 270, 810, 2430, 3600, 3600]
    assert (retry_delay(1, 0.0), retry_delay(1, 1.0), retry_delay(10**6, 1.0)) == (
        8.0,
        pytest.approx(12.0),
        pytest.approx(4320.0),
    )
