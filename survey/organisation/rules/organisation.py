"""The facts about the client."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import getaddresses, parseaddr

from survey.kernel.addresses import tidy_address, tidy_domain
from survey.kernel.errors import Refused
from survey.kernel.workdays import SATURDAY_AND_SUNDAY, WEEKDAYS
from survey.languages import BASE

_SHARED_SUFFIXES = {"ac", "co", "com", "edu", "gov", "net", "org"}


MOST_READERS = 2


@dataclass(frozen=True, slots=True)
class CommentReader:
    """Somebody who reads the comments: the name that employees are told, and their account.

    `account` is its id, empty while only its address was typed.
    """

    name: str
    email: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Organisation:
    """The client: who asks, whom to ask, who reads comments, and who runs the server.

    `readers` are the one or two accounts that may read comments, and `comments_read_by` is the role
    printed beside their names. `several_zones` says whether staff sit in several time zones;
    `language` is that of mails to people of whom none is known. `mail_domains` are the client's own
    (ASCII, small letters). `provider_runs_mail` says whether the provider runs its mail or network;
    None is not answered. `weekend` are the weekdays off (0 is Monday). `confirmed` is False while
    the facts are only suggested and nobody has saved them.
    """

    name: str
    contact_name: str
    contact_email: str
    comments_read_by: str
    host: str
    several_zones: bool
    language: str = BASE
    mail_domains: tuple[str, ...] = ()
    provider_runs_mail: bool | None = None
    readers: tuple[CommentReader, ...] = ()
    weekend: tuple[int, ...] = SATURDAY_AND_SUNDAY
    confirmed: bool = True

    @property
    def readers_in_words(self) -> str:
        """The names of the readers of comments and their role, as far as they are known.

        >>> organisation_from_sender("Dana Reyes <dana@northwind.example>").readers_in_words
        'Dana Reyes'
        """
        return named_readers(self.readers, self.comments_read_by)


def named_readers(readers: Sequence[CommentReader], role: str) -> str:
    """Readers of comments by name with their role, as far as both are known.

    >>> named_readers([CommentReader("Mira", "m@a.example")], "Head of operations")
    'Mira, Head of operations'
    """
    names = " and ".join(reader.name for reader in readers)
    return ", ".join(filter(None, (names, role)))


def read_comment_readers(typed: str) -> tuple[CommentReader, ...]:
    """Readers typed as addresses separated by commas, each with or without a name before it.

    Without a name the address stands for it. Nothing is checked.

    >>> [reader.name for reader in read_comment_readers("Mira <mira@a.example>, ed@a.example")]
    ['Mira', 'ed@a.example']
    """
    if not typed.isprintable():
        return (CommentReader(typed, typed),)
    # Newer versions of the library refuse a whole list that ends in a comma.
    pairs = getaddresses([typed.strip(" ,;")])
    return tuple(
        CommentReader(" ".join(name.split()) or tidy_address(address), tidy_address(address))
        for name, address in pairs
        if name or address
    )


def unnamed_organisation() -> Organisation:
    """Words in place of the facts, for a page that is read before anybody has confirmed them."""
    return Organisation(
        name="your employer",
        contact_name="whoever told you of the survey",
        contact_email="",
        comments_read_by="whoever your employer names before a survey opens",
        host="whoever your employer names before a survey opens",
        several_zones=False,
        confirmed=False,
    )


def read_weekdays(typed: str) -> tuple[int, ...]:
    """The weekdays (0 is Monday) of names separated by commas; "none" means none.

    Refuses a word that is no weekday.

    >>> read_weekdays("Friday, saturday"), read_weekdays("none")
    ((4, 5), ())
    """
    words = re.findall(r"[^\s,;]+", typed.lower())
    if words == ["none"]:
        return ()
    unknown = [word for word in words if word not in WEEKDAYS]
    if unknown or not words:
        raise Refused(
            "weekday-unknown",
            f"{(unknown or [typed])[0][:80]!r} is no day of the week. Write them in full, such as"
            " friday,saturday.",
        )
    return tuple(sorted({WEEKDAYS.index(word) for word in words}))


def read_mail_domains(typed: str) -> tuple[str, ...]:
    """Mail domains as typed, separated by blanks, commas or semicolons; nothing is checked.

    >>> read_mail_domains("northwind.example, @nw.example")
    ('northwind.example', '@nw.example')
    """
    return tuple(filter(None, re.split(r"[\s,;]+", typed)))


def tidy_mail_domains(typed: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The domains in ASCII, each once, and one sentence for each that is none.

    >>> tidy_mail_domains(["Northwind.example", "northwind.example", "local"])
    (('northwind.example',), ("'local' is no mail domain. Write it like company.example.",))
    """
    domains: dict[str, None] = {}
    faults = []
    for text in typed:
        try:
            domains[tidy_domain(text)] = None
        except ValueError:
            faults.append(f"{text[:80]!r} is no mail domain. Write it like company.example.")
    return tuple(domains), tuple(faults)


def organisation_from_sender(sender: str) -> Organisation:
    """What the sender's address suggests about the client.

    Its domain gives name and host; its owner is the contact and reads the comments.

    >>> organisation_from_sender("Dana Reyes <dana@northwind.example>").name
    'Northwind'
    >>> organisation_from_sender("it@northwind.co.uk").name
    'Northwind'
    """
    owner, address = parseaddr(sender)
    contact = owner or address
    domain = address.rpartition("@")[2]
    labels = domain.split(".")[:-1] or [domain]
    if len(labels) > 1 and labels[-1] in _SHARED_SUFFIXES:
        labels.pop()
    return Organisation(
        name=labels[-1].capitalize(),
        contact_name=contact,
        contact_email=address,
        comments_read_by=contact,
        host=domain,
        several_zones=False,
        mail_domains=tidy_mail_domains([domain])[0],
        confirmed=False,
    )
