"""What the sender's address suggests about the client."""

import pytest

from survey.kernel.errors import Refused
from survey.organisation.rules.organisation import (
    Organisation,
    organisation_from_sender,
    read_comment_readers,
    read_weekdays,
    tidy_mail_domains,
)


@pytest.mark.parametrize(
    ("sender", "name", "person", "host"),
    [
        ("Dana Reyes <dana@northwind.example>", "Northwind", "Dana Reyes", "northwind.example"),
        (
            "feedback@northwind.example",
            "Northwind",
            "feedback@northwind.example",
            "northwind.example",
        ),
        (
            '"Reyes, Dana" <dana@mail.northwind.co.uk>',
            "Northwind",
            "Reyes, Dana",
            "mail.northwind.co.uk",
        ),
        ("dana@localhost", "Localhost", "dana@localhost", "localhost"),
        ("dana@co.uk", "Co", "dana@co.uk", "co.uk"),
    ],
)
def test_defaults_come_from_the_sender(sender: str, name: str, person: str, host: str) -> None:
    organisation = organisation_from_sender(sender)
    domains = (host,) if "." in host else ()
    assert organisation == Organisation(
        name,
        person,
        organisation.contact_email,
        person,
        host,
        several_zones=False,
        mail_domains=domains,
        confirmed=False,
    )
    assert organisation.contact_email in sender


@pytest.mark.parametrize(
    ("typed", "readers"),
    [
        ("mira@a.example", (("mira@a.example", "mira@a.example"),)),
        (" Mira@A.example ,", (("mira@a.example", "mira@a.example"),)),
        (
            '"Vance, Mira" <mira@a.example>, Ed <ed@a.example>',
            (("Vance, Mira", "mira@a.example"), ("Ed", "ed@a.example")),
        ),
        ("Mira\r\nBcc: x@y.example", (("Mira\r\nBcc: x@y.example",) * 2,)),
        ("", ()),
    ],
)
def test_readers_are_typed_with_or_without_a_name(
    typed: str, readers: tuple[tuple[str, str], ...]
) -> None:
    assert [(reader.name, reader.email) for reader in read_comment_readers(typed)] == list(readers)


@pytest.mark.parametrize("typed", ["", "sat", "friday and saturday", "friday,none"])
def test_a_word_that_is_no_weekday_is_named(typed: str) -> None:
    with pytest.raises(Refused, match="is no day of the week"):
        read_weekdays(typed)


def test_mail_domains_are_kept_as_dns_has_them_and_each_once() -> None:
    domains, faults = tidy_mail_domains(
        ["Müller.example", "xn--mller-kva.example", "@nw.example", "nw", "a b.example", "x" * 2000]
    )
    assert domains == ("xn--mller-kva.example", "nw.example")
    assert [fault.partition(" is no mail domain")[0] for fault in faults] == [
        "'nw'",
        "'a b.example'",
        repr("x" * 80),
    ]
