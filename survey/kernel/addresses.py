"""The one rule for a mail address: one without a fault here can be sent to, and bounces come back.

Before the @: dot-atoms (RFC 5321), with letters of any language (RFC 6531); no quoted strings.
Behind it: domains by IDNA 2008 (RFC 5891), no address literals. So straße.example is itself, and
never strasse.example, which IDNA 2003 made of it.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

LONGEST_ADDRESS, LONGEST_LOCAL_PART = 254, 64  # octets on the wire; RFC 5321, section 4.5.3.1
_QUOTED_CHARACTERS = 60

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_ENCODED = "xn--"
_LONGEST_ENCODED = 1000  # characters of a domain; nothing longer is encoded
_TYPING_ERROR = "Look for a typing error."
_TOO_LONG = "Longer than a mail address can be. Shorten it."

# Whether an address has a fault, and what to do about it; the first that applies counts.
_FAULTS: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda address: not address, "Fill in the address."),
    (
        lambda address: not (address.isprintable() or all(map(_is_printable_or_blank, address))),
        "Remove the line break or control character.",
    ),
    (
        lambda address: {"<", ">"} & set(address),
        "Keep the address alone, without name and brackets.",
    ),
    (lambda address: address.count("@") > 1, "More than one address. Keep one."),
    (lambda address: " " in address or not address.isprintable(), "Remove the space."),
    (
        lambda address: "@" not in address,
        "Not a mail address: it has no “@”. Write it like name@company.example.",
    ),
)


def address_fault(address: str) -> str | None:
    """The sentence that says how to repair a mail address; None for one that mail can reach.

    >>> address_fault("m.ito@northwind")
    'Not a complete address. Add the part after “northwind”.'
    >>> address_fault("ada@straße.example") is None
    True
    """
    for is_wrong, remedy in _FAULTS:
        if is_wrong(address):
            return remedy
    return _fault_of_parts(*_split(address))


def plain_address_fault(address: str) -> str | None:
    """As `address_fault`, which also finds fault with accents before the @; None if all is well.

    For an address that must be in everybody's letter: not every mail server takes accents before
    the @.

    >>> plain_address_fault("ünal@northwind.example")
    'Only plain letters can stand before the @, no accents.'
    """
    if fault := address_fault(address):
        return fault
    return "Only plain letters can stand before the @, no accents." if needs_utf8(address) else None


def tidy_address(address: str) -> str:
    """The form in which an address is stored and compared: small letters, no blanks around it.

    Each accent is in one piece with its letter. Wide letters and stops in the domain, as Japanese
    input methods write them, become ordinary ones. Nothing is refused.

    >>> tidy_address(" U\u0308nal@Northwind.example") == "\u00fcnal@northwind.example"
    True
    """
    local, at, domain = address.strip().lower().rpartition("@")
    return unicodedata.normalize("NFC", local) + at + _composed(domain)


def needs_utf8(address: str) -> bool:
    """Whether the part before the @ has letters beyond ASCII, such as accents.

    Only a mail server with SMTPUTF8 (RFC 6531) takes such an address.

    >>> needs_utf8("ünal@northwind.example"), needs_utf8("ada@müller.example")
    (True, False)
    """
    return not address.rpartition("@")[0].isascii()


def wire_address(address: str) -> str:
    """The address as SMTP takes it, with its domain in ASCII; `ValueError` if that is no domain.

    The part before the @ is kept, in composed Unicode. Raises `ValueError` for a domain that has no
    ASCII form.

    >>> wire_address("ada@Müller.example"), wire_address("ada@fußball.example")
    ('ada@xn--mller-kva.example', 'ada@xn--fuball-cta.example')
    """
    local, domain = _split(address)
    encoded = _encode(domain)
    if encoded is None:
        raise ValueError("the part after the @ is no domain name")
    return f"{local}@{encoded}"


def wire_domain(address: str) -> str:
    """The domain of an address in ASCII and small letters, as in DNS; `ValueError` if it is none.

    DNS and mail servers know the domain in this form.

    >>> wire_domain("Ada@Müller.example")
    'xn--mller-kva.example'
    """
    return wire_address(address).rpartition("@")[2]


def tidy_domain(typed: str) -> str:
    """A mail domain as somebody types it, in ASCII and small letters; `ValueError` if it is none.

    An @ before it and blanks around it make no difference.

    >>> tidy_domain(" @Northwind.example "), tidy_domain("müller.example")
    ('northwind.example', 'xn--mller-kva.example')
    """
    domain = _composed(typed.strip().removeprefix("@"))
    encoded = _encode(domain) if len(domain) <= _LONGEST_ENCODED else None
    if encoded is None:
        raise ValueError("this is no domain name")
    return encoded


def _fault_of_parts(local: str, domain: str) -> str | None:
    """The sentence that says how to repair an address, from its two parts; None if it is good.

    The parts are what is before the @ and what is behind it.
    """
    if _count_octets(local) > LONGEST_LOCAL_PART or len(domain) > _LONGEST_ENCODED:
        return _TOO_LONG
    if local and domain and "." not in domain:
        return f"Not a complete address. Add the part after “{_shorten(domain)}”."
    if not _LOCAL_PART.fullmatch(local) or not domain:
        return f"Not a mail address. {_TYPING_ERROR}"
    encoded = _encode(domain)
    if encoded is None:
        return f"The part after the @ is no domain name. {_TYPING_ERROR}"
    octets = _count_octets(local) + 1 + len(encoded)
    return _TOO_LONG if octets > LONGEST_ADDRESS else None


def _split(address: str) -> tuple[str, str]:
    """The part before the last @ and the domain behind it, in one form for all ways of typing."""
    local, _, domain = address.rpartition("@")
    return unicodedata.normalize("NFC", local), _composed(domain)


def _composed(domain: str) -> str:
    """The domain in small letters and ordinary Unicode characters, not yet encoded in ASCII.

    So browsers have it before they encode it (RFC 5895).
    """
    if domain.isascii():
        return domain.lower()
    return unicodedata.normalize("NFKC", domain.lower()).lower().replace("\u3002", ".")


def _is_printable_or_blank(character: str) -> bool:
    """Whether a character is printable or a space of any kind."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _count_octets(text: str) -> int:
    """How many bytes a text has in UTF-8; takes broken text (lone surrogates) too."""
    return len(text.encode(errors="surrogatepass"))


def _shorten(domain: str) -> str:
    """The domain as a sentence quotes it: cut after 60 characters, with “…” if it was longer."""
    if len(domain) <= _QUOTED_CHARACTERS:
        return domain
    return f"{domain[:_QUOTED_CHARACTERS]}…"


@lru_cache(maxsize=256)  # a company has few domains, and encoding takes longer than all the rest
def _encode(domain: str) -> str | None:
    """A domain from `_composed` in its ASCII form; None if it is no valid domain name."""
    encoded = ".".join(_encode_label(label) or "" for label in domain.split("."))
    return encoded if _DOMAIN.fullmatch(encoded) else None


def _encode_label(label: str) -> str | None:
    """One part of a domain in its ASCII form (A-label, RFC 5890); None if it has none.

    A part in plain ASCII is given back unchecked.
    """
    if label.isascii() and not label.startswith(_ENCODED):
        return label
    import idna  # noqa: PLC0415 - 3 MB that a company without accents in its domain never needs

    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        return None
