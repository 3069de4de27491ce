"""The one rule for a mail address: what has no fault here goes over the wire and comes back.

Before the @: dot-atoms (RFC 5321), with letters of any language (RFC 6531); no quoted strings.
Behind it: domains by IDNA 2008 (RFC 5891), no address literals. So straße.example is itself, and
never strasse.example, which IDNA 2003 made of it.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

LONGEST_ADDRESS, LONGEST_LOCAL_PART = 254, 64  # octets on the wire; RFC 5321, section 4.5.3.1
SHOWN = 60

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_ENCODED = "xn--"
_LOOKED_AT = 1000  # characters of a domain; nothing longer is encoded
_TYPING_ERROR = "Look for a typing error."
_TOO_LONG = "Longer than a mail address can be. Shorten it."

_FAULTS: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda address: not address, "Fill in the address."),
    (
        lambda address: not (address.isprintable() or all(map(_is_seen_or_blank, address))),
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
    """What to do about an address that mail cannot reach, as a sentence; None if it can.

    >>> address_fault("m.ito@northwind")
    'Not a complete address. Add the part after “northwind”.'
    >>> address_fault("ada@straße.example") is None
    True
    """
    fault = next((remedy for is_wrong, remedy in _FAULTS if is_wrong(address)), None)
    return fault or _fault_of_parts(*_parts(address))


def plain_address_fault(address: str) -> str | None:
    """What to do about an address that must stand in everybody's letter, or None.

    Not every mail server takes accents before the @.

    >>> plain_address_fault("ünal@northwind.example")
    'Only plain letters can stand before the @, no accents.'
    """
    if fault := address_fault(address):
        return fault
    return "Only plain letters can stand before the @, no accents." if needs_utf8(address) else None


def tidy_address(address: str) -> str:
    """An address as it is stored and compared.

    Without blanks around it and without capitals, each accent in one piece with its letter. Wide
    letters and stops in the domain, as Japanese input methods write them, become ordinary ones.

    >>> tidy_address(" U\u0308nal@Northwind.example") == "\u00fcnal@northwind.example"
    True
    """
    local, at, domain = address.strip().lower().rpartition("@")
    return unicodedata.normalize("NFC", local) + at + _composed(domain)


def needs_utf8(address: str) -> bool:
    """Whether only a mail server with SMTPUTF8 (RFC 6531) takes this address: accents before the @.

    >>> needs_utf8("ünal@northwind.example"), needs_utf8("ada@müller.example")
    (True, False)
    """
    return not address.rpartition("@")[0].isascii()


def wire_address(address: str) -> str:
    """The address as SMTP takes it: the domain in its ASCII form, what stands before it as it is.

    Raises `ValueError` for a domain that has no such form.

    >>> wire_address("ada@Müller.example"), wire_address("ada@fußball.example")
    ('ada@xn--mller-kva.example', 'ada@xn--fuball-cta.example')
    """
    local, domain = _parts(address)
    encoded = _encoded(domain)
    if encoded is None:
        raise ValueError("the part after the @ is no domain name")
    return f"{local}@{encoded}"


def wire_domain(address: str) -> str:
    """The domain of an address as DNS and mail servers know it, in small letters.

    Raises `ValueError` if it is none.

    >>> wire_domain("Ada@Müller.example")
    'xn--mller-kva.example'
    """
    return wire_address(address).rpartition("@")[2]


def _fault_of_parts(local: str, domain: str) -> str | None:
    if _octets(local) > LONGEST_LOCAL_PART or len(domain) > _LOOKED_AT:
        return _TOO_LONG
    if local and domain and "." not in domain:
        return f"Not a complete address. Add the part after “{_shortened(domain)}”."
    if not _LOCAL_PART.fullmatch(local) or not domain:
        return f"Not a mail address. {_TYPING_ERROR}"
    encoded = _encoded(domain)
    if encoded is None:
        return f"The part after the @ is no domain name. {_TYPING_ERROR}"
    return _TOO_LONG if _octets(local) + 1 + len(encoded) > LONGEST_ADDRESS else None


def _parts(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return unicodedata.normalize("NFC", local), _composed(domain)


def _composed(domain: str) -> str:
    """A domain in small letters, as browsers have it before it is encoded (RFC 5895)."""
    if domain.isascii():
        return domain.lower()
    return unicodedata.normalize("NFKC", domain.lower()).lower().replace("\u3002", ".")


def _is_seen_or_blank(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _octets(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _shortened(domain: str) -> str:
    return f"{domain[:SHOWN]}…" if len(domain) > SHOWN else domain


@lru_cache(maxsize=256)  # a company has few domains, and encoding takes longer than all the rest
def _encoded(domain: str) -> str | None:
    """The composed domain in its ASCII form; None if it has none."""
    encoded = ".".join(_encoded_label(label) or "" for label in domain.split("."))
    return encoded if _DOMAIN.fullmatch(encoded) else None


def _encoded_label(label: str) -> str | None:
    if label.isascii() and not label.startswith(_ENCODED):
        return label
    import idna  # noqa: PLC0415 - 3 MB that a company without accents in its domain never needs

    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        return None
