"""One rule for a mail address.

What it takes can be put on the wire and comes back, and nothing becomes another address.
"""

# ruff: noqa: RUF001 - letters that look alike are what is tested

from email.utils import parseaddr

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.addresses import (
    address_fault,
    needs_utf8,
    plain_address_fault,
    tidy_address,
    wire_address,
    wire_domain,
)

LETTERS = (
    "abcxyz0189-_.@ßςσéñüİıſ例え用户שםمثال１。．\u200c\u200d\u200b\u0301\u3000"
    " \xad·❤️\U0001f600'+=\"<>()[],;:\\\\\n\ud800"
)


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("Ada <ada@northwind.example>", "without name and brackets"),
        ("ada@northwind.example;bo@northwind.example", "More than one address"),
        ("ada berg@northwind.example", "Remove the space"),
        ("ada", "it has no “@”"),
        ("ä" * 33 + "@northwind.example", "Longer than"),
        ("ada\u3000berg@northwind.example", "Remove the space"),
        ("ada\u200bberg@northwind.example", "control character"),
        ("a" * 65 + "@northwind.example", "Longer than"),
        ("a@" + "northwind." * 30 + "example", "Longer than"),
        ("a..b@northwind.example", "typing error"),
        ("ada@127.0.0.1", "typing error"),
        ("ada@-northwind.example", "typing error"),
        ("@northwind.example", "typing error"),
        ("ada@", "typing error"),
    ],
)
def test_an_address_that_mail_cannot_reach_says_what_to_do(address: str, remedy: str) -> None:
    assert remedy in (address_fault(address) or "good")


@pytest.mark.parametrize(
    "address", ["ada@bücher.example", "ädä@northwind.example", "用户@例え.example"]
)
def test_letters_of_any_language_are_an_address(address: str) -> None:
    assert address_fault(address) is None


GOOD = {
    "ada@fußball.example": (
        "ada@xn--fuball-cta.example"
    ),  # IDNA 2003 made fussball.example of it, somebody else's
    "ada@FUẞBALL.example": "ada@xn--fuball-cta.example",
    "ada@βόλος.example": "ada@xn--nxasmm1c.example",  # with its final sigma
    "ada@βόλοσ.example": "ada@xn--nxasmq6b.example",
    "ada@MÜLLER.Example": "ada@xn--mller-kva.example",
    "ada@mu\u0308ller.example": "ada@xn--mller-kva.example",
    "ada@XN--MLLER-KVA.example": "ada@xn--mller-kva.example",
    "ada@northwind。example": "ada@northwind.example",
    "ada@ｎｏｒｔｈｗｉｎｄ．example": "ada@northwind.example",
    "ada@מייל.example": "ada@xn--eebajf.example",
    "ada@ab--cd.example": "ada@ab--cd.example",
    "ada@1.example": "ada@1.example",
    "ünal@müller.example": "ünal@xn--mller-kva.example",
    "محمد@northwind.example": "محمد@northwind.example",
    "\U0001f600@northwind.example": "\U0001f600@northwind.example",
    "a'!#$%&*+/=?^_`{|}~-b@northwind.example": "a'!#$%&*+/=?^_`{|}~-b@northwind.example",
    "a" * 64 + "@northwind.example": "a" * 64 + "@northwind.example",
    "ü" * 32 + "@northwind.example": "ü" * 32 + "@northwind.example",
    "a@" + ("b" * 49 + ".") * 5 + "cc": "a@" + ("b" * 49 + ".") * 5 + "cc",  # 254 octets
    "a@" + "ü" * 57 + ".example": "a@" + idna.encode("ü" * 57).decode() + ".example",  # 63 octets
}
BAD = {
    "": "Fill in",
    "ada@a..example": "no domain name",
    "ada@.northwind.example": "no domain name",
    "ada@northwind.example.": "no domain name",
    "ada@[IPv6:2001:db8::1]": "Not a complete address",
    "ada@[192.0.2.1]": "no domain name",
    "ada@192.0.2.1": "no domain name",
    "ada@north_wind.example": "no domain name",
    "ada@-northwind.example": "no domain name",
    "ada@northwind-.example": "no domain name",
    "ada@" + "b" * 64 + ".example": "no domain name",
    "ada@" + "ü" * 58 + ".example": "no domain name",  # 64 octets when encoded
    "ada@" + "ü" * 1000 + ".example": "Longer than",
    "ada@❤.example": "no domain name",
    "ada@xn--i-7iq.example": "no domain name",  # the same heart, encoded
    "ada@xn--zzzz.example": "no domain name",
    "ada@xn--.example": "no domain name",
    "ada@xn--fussball-.example": "no domain name",
    "ada@1اب.example": "no domain name",  # a label from right to left that begins with a digit
    "ada@aאb.example": "no domain name",
    "ada@ab\u200dcd.example": "control character",
    "ada@نامه\u200cای.example": "control character",  # nobody sees it; its encoded form is taken
    "\u200eada@northwind.example": "control character",
    "ada@\u0301a.example": "no domain name",
    "ada@a·b.example": "no domain name",
    "a" * 65 + "@northwind.example": "Longer than",
    "ü" * 33 + "@northwind.example": "Longer than",
    "a@" + ("b" * 49 + ".") * 5 + "ccc": "Longer than",  # 255 octets
    ".ada@northwind.example": "typing error",
    "ada.@northwind.example": "typing error",
    '"ada berg"@northwind.example': "Remove the space",
    '"ada"@northwind.example': "typing error",
    "ada@northwind.example\r\nBcc: eve@other.example": "control character",
    "\ud800@northwind.example": "control character",
}


@pytest.mark.parametrize(("address", "on_the_wire"), GOOD.items())
def test_an_odd_but_good_address_is_taken_and_goes_as_it_must(
    address: str, on_the_wire: str
) -> None:
    assert address_fault(address) is None
    assert wire_address(address) == wire_address(tidy_address(address)) == on_the_wire


@pytest.mark.parametrize(("address", "remedy"), BAD.items())
def test_an_address_that_cannot_go_is_refused_with_a_remedy(address: str, remedy: str) -> None:
    assert remedy in (address_fault(address) or "good")
    assert remedy in (plain_address_fault(address) or "good")


@pytest.mark.parametrize(
    "address",
    ["ada@", "ada@a..example", "ada@❤.example", "ada@xn--zzzz.example", "ada@north_wind.example"],
)
def test_what_has_no_form_on_the_wire_is_never_written_there(address: str) -> None:
    with pytest.raises(ValueError, match="no domain name"):
        wire_address(address)
    with pytest.raises(ValueError, match="no domain name"):
        wire_domain(address)


def test_a_domain_with_an_unseen_joiner_is_reached_by_its_encoded_form() -> None:
    encoded = "ada@" + idna.encode("نامه\u200cای").decode() + ".example"
    assert address_fault(encoded) is None
    assert wire_address(encoded) == encoded


def comes_back(address: str) -> bool:
    """Whether what goes over the wire is one address that reads back as this one."""
    wire = wire_address(address)
    local, _, domain = wire.rpartition("@")
    octets = wire.encode()
    assert len(octets) <= 254
    assert len(local.encode()) <= 64
    assert domain.isascii()
    assert all(0 < len(label) <= 63 for label in domain.split("."))
    assert wire.isascii() is not needs_utf8(address)
    assert parseaddr(f"<{wire}>") == ("", wire)
    plain_labels = [label for label in domain.split(".") if not label.startswith("xn--")]
    assert not set("".join(plain_labels)) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
    decoded = ".".join(
        idna.ulabel(label) if label.startswith("xn--") else label for label in domain.split(".")
    )
    return (
        wire_address(f"{local}@{decoded}") == wire  # nothing was lost on the way
        and address_fault(wire) is None
        and wire_address(wire) == wire
        and wire_address(tidy_address(address)) == tidy_address(f"{local}@{domain}")
    )


@pytest.mark.parametrize("address", GOOD)
def test_what_is_taken_comes_back(address: str) -> None:
    assert comes_back(address)


anything = st.text(st.characters(), max_size=12) | st.text(LETTERS, max_size=80)
labels = st.text(LETTERS, max_size=70) | st.text(
    st.characters(min_codepoint=0xA1, max_codepoint=0x2FFF), min_size=1, max_size=20
)
addresses = st.tuples(anything, st.lists(labels, min_size=1, max_size=5)).map(
    lambda parts: f"{parts[0]}@{'.'.join(parts[1])}.example"
)


@given(addresses | anything)
def test_an_address_is_taken_if_and_only_if_it_can_go_and_comes_back(address: str) -> None:
    if address_fault(address) is None:
        assert comes_back(address)
        assert address_fault(tidy_address(address)) is None
        assert plain_address_fault(address) is None or needs_utf8(address)
    else:
        assert plain_address_fault(address)


@given(st.text("abcdefghijklmnopqrstuvwxyzäöüßéñçςσøåžłığ", min_size=1, max_size=20))
def test_every_word_in_small_letters_is_a_domain_of_its_own(word: str) -> None:
    address = f"ada@{word}.example"
    assert address_fault(address) is None
    assert idna.decode(wire_domain(address)) == tidy_address(address).partition("@")[2]
