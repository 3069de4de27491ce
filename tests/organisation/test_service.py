"""The facts that promises and mails state."""

import pytest
from flask import Flask

from survey.access.service import audit
from survey.access.service.accounts import add_user
from survey.kernel.errors import Refused
from survey.organisation.rules.organisation import CommentReader, organisation_from_sender
from survey.organisation.service import find_organisation, set_organisation
from tests.proofs import on_postgresql

SENDER = "Dana Reyes <feedback@northwind.example>"
GOOD = [
    "Northwind Ltd",
    "Dana Reyes",
    "dana@northwind.example",
    "Head of operations",
    "northwind.example",
]


def test_the_facts_come_from_the_sender_until_they_are_set(app: Flask) -> None:
    assert find_organisation(SENDER) == organisation_from_sender(SENDER)
    facts = set_organisation(*GOOD, several_zones=True)
    assert find_organisation(SENDER) == facts
    assert facts.several_zones
    again = set_organisation(
        "  Northwind  ", *GOOD[1:], several_zones=False, actor="mira@northwind.example"
    )
    assert (again.name, find_organisation(SENDER)) == ("Northwind", again)
    newest = max(audit.list_entries(), key=lambda entry: entry.number)
    assert (newest.who, newest.what) == ("mira@northwind.example", "organisation set")


def test_all_faults_come_at_once_and_nothing_is_changed(app: Flask) -> None:
    before = set_organisation(*GOOD, several_zones=False)
    with pytest.raises(Refused, match="Nothing was changed") as refused:
        set_organisation(
            "", "Dana\r\nBcc: x@y.example", "dana@northwind", "x" * 201, " ", several_zones=True
        )
    assert refused.value.details == (
        "Say the organisation's name.",
        "Remove the line break or control character: the contact's name.",
        "Shorten to 200 characters: who reads comments.",
        "Say who runs the server.",
        "'dana@northwind': Not a complete address. Add the part after “northwind”.",
    )
    assert find_organisation(SENDER) == before


@on_postgresql("databases")
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("wrong", ["", " ", "a\nb", "a\x00b", "a\u202eb", "\ud800", "x" * 201])
def test_no_fact_may_be_empty_endless_or_break_a_line(app: Flask, place: int, wrong: str) -> None:
    given = [*GOOD[:place], wrong, *GOOD[place + 1 :]]
    with pytest.raises(Refused) as refused:
        set_organisation(*given, several_zones=False)
    assert all(line.isprintable() for line in refused.value.details)
    assert find_organisation(SENDER) == organisation_from_sender(SENDER)


MIRA = CommentReader("Mira Vance", "mira@northwind.example")
ED = CommentReader("Ed", "ed@northwind.example")


@on_postgresql("databases")
def test_what_is_not_given_stays_as_it_was_stored(app: Flask) -> None:
    add_user(MIRA.email, "manager")
    first = set_organisation(*GOOD, several_zones=False)
    assert first.mail_domains == ("northwind.example",)
    assert (first.provider_runs_mail, first.readers, first.weekend) == (None, (), (5, 6))
    given = set_organisation(
        *GOOD,
        several_zones=False,
        mail_domains=["Müller.example", "northwind.example"],
        provider_runs_mail=True,
        readers=[MIRA],
        weekend=(4, 5),
    )
    assert given.mail_domains == ("xn--mller-kva.example", "northwind.example")
    role_kept = [*GOOD[:3], None, GOOD[4]]
    again = set_organisation(*role_kept, several_zones=False)
    assert again == given == find_organisation(SENDER)
    assert again.readers_in_words == "Mira Vance, Head of operations"


def test_facts_are_confirmed_once_somebody_has_saved_them(app: Flask) -> None:
    assert not find_organisation(SENDER).confirmed
    set_organisation(*GOOD, several_zones=False)
    assert find_organisation(SENDER).confirmed


@on_postgresql("databases")
def test_readers_of_comments_are_one_or_two_accounts_that_may_read(app: Flask) -> None:
    add_user(MIRA.email, "manager")
    add_user("viewer@northwind.example", "viewer")
    looks_on = CommentReader("Vera", "viewer@northwind.example")
    faulty = {
        (): "Choose who reads comments",
        (ED,): "'ed@northwind.example' cannot read comments: there is no such account",
        (looks_on,): "this account only looks at figures",
        (MIRA, MIRA): "Name each reader of comments once",
        (MIRA, ED, looks_on): "Name at most 2 readers",
        (CommentReader("Mi\nra", MIRA.email),): "Remove the line break",
        (CommentReader("", MIRA.email),): "Say the name of a reader",
    }
    for readers, sentence in faulty.items():
        with pytest.raises(Refused) as refused:
            set_organisation(*GOOD, several_zones=False, readers=readers)
        assert any(sentence in line for line in refused.value.details), (readers, sentence)
    assert not find_organisation(SENDER).confirmed
    without_role = [*GOOD[:3], "", GOOD[4]]
    named = set_organisation(*without_role, several_zones=False, readers=[MIRA])
    assert named.readers_in_words == "Mira Vance"


def test_own_mail_domains_are_needed_and_must_be_domains(app: Flask) -> None:
    for domains, sentence in (
        ([], "Say at least one mail domain"),
        (["local"], "'local' is no mail domain"),
        ([f"{number}.northwind.example" for number in range(200)], "Shorten the mail domains"),
    ):
        with pytest.raises(Refused) as refused:
            set_organisation(*GOOD, several_zones=False, mail_domains=domains)
        assert any(sentence in line for line in refused.value.details), refused.value.details
    with pytest.raises(Refused) as refused:
        set_organisation(*GOOD, several_zones=False, weekend=range(7))
    assert refused.value.details == ("Leave at least one working day in the week.",)


@pytest.mark.parametrize("role", ["Nobody at all", " no one", "None", "Niemand", "„Nobody“"])
def test_the_promise_never_says_that_nobody_reads_comments(app: Flask, role: str) -> None:
    with pytest.raises(Refused) as refused:
        set_organisation(*GOOD[:3], role, GOOD[4], several_zones=False)
    assert any("the promise must not say nobody" in fault for fault in refused.value.details)
