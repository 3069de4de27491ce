"""What a wave promised stays as it was when it opened, whatever is changed meanwhile."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.accounts import add_user, remove_user
from survey.config import Config
from survey.database import transaction
from survey.invitations.letters import (
    INVITES,
    REMINDS,
    PersonalSecrets,
    letter_facts,
    personal_letter,
    template_for,
)
from survey.kernel.clock import now
from survey.languages import voice_for
from survey.launching.service.opening import open_wave
from survey.organisation.rules.frozen_promise import FrozenPromise, read_promise, stored_promise
from survey.organisation.rules.organisation import CommentReader, Organisation
from survey.organisation.service import find_organisation, set_organisation
from survey.people.rules.staff_list import Person, PersonId
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.answering.today import open_today, sent_letters
from tests.cast import READER
from tests.outside import browser
from tests.proofs import on_postgresql

FACTS: dict[str, object] = {
    "name": "Northwind Ltd",
    "contact_name": "Dana Reyes",
    "contact_email": "dana@northwind.example",
    "comments_read_by": "Head of operations",
    "host": "northwind.example",
    "several_zones": False,
}
ED = CommentReader("Ed Stone", "ed@northwind.example")
OTHERS: dict[str, object] = {
    "name": "Nordwind & Co",
    "contact_name": "Rana Deyes",
    "contact_email": "rana@nordwind.example",
    "comments_read_by": "Head of nothing",
    "host": "an independent institute",
    "several_zones": True,
    "language": "de",
    "mail_domains": ["nordwind.example"],
    "provider_runs_mail": True,
    "readers": [ED],
    "weekend": (4, 5),
}
SOMEBODY = Person(PersonId(""), "ada@northwind.example", "Ada Berg", "Sales")


def letters_of(wave: Wave, config: Config) -> Iterator[tuple[str, str, str, str]]:
    """Invitation and reminder to each group in each language, as they would be sent now."""
    promise = waves.promise_of(wave, config.mail_from)
    for group in wave.groups:
        facts = letter_facts(wave, group, promise, waves.questions_of(wave), config.base_url)
        for name in (INVITES, REMINDS):
            for language in ("en", "de"):
                template = template_for(name, voice_for(language), facts)
                letter = personal_letter(template, SOMEBODY, PersonalSecrets("0" * 24, "1", "2"))
                yield letter.subject, letter.text, letter.html, letter.reply_to or ""


def all_that_is_printed(app: Flask, slug: str) -> Mapping[str, object]:
    """Everything that employees read of this wave: pages and mails."""
    paths = ("/promise", f"/promise/{slug}", f"/s/{slug}", f"/s/{slug}/thanks", f"/stop/{slug}")
    pages: dict[str, object] = {path: browser(app).get(path).text for path in paths}
    config = app.config["CANDOUR"]
    return pages | {"letters": list(letters_of(waves.find_wave(slug), config))}


@on_postgresql("databases")
def test_no_fact_that_is_changed_changes_what_an_open_wave_says(app: Flask) -> None:
    company = open_today(app)
    add_user(ED.email, "manager")
    before = all_that_is_printed(app, company.wave.slug)
    for fact, value in OTHERS.items():
        set_organisation(**{**FACTS, fact: value})  # type: ignore[arg-type]
        assert all_that_is_printed(app, company.wave.slug) == before, fact
    set_organisation(**FACTS | OTHERS)  # type: ignore[arg-type]
    after = all_that_is_printed(app, company.wave.slug)
    assert after == before
    assert "Nordwind" not in str(after)
    assert waves.find_wave(company.wave.slug).comment_readers[0].email == READER.email


@on_postgresql("databases")
def test_mails_sent_after_a_change_say_what_was_frozen(app: Flask, tmp_path: Path) -> None:
    company = open_today(app)
    add_user(ED.email, "manager")
    set_organisation(**FACTS | OTHERS)  # type: ignore[arg-type]
    letters = sent_letters(tmp_path / "out")
    assert len(letters) == company.wave.invited
    for letter in letters:
        assert "Nordwind" not in letter.text + letter.html
        assert "nobody at Northwind Ltd or Brightline IT" in " ".join(letter.text.split())


@on_postgresql("databases")
def test_what_is_changed_holds_for_the_next_wave(app: Flask) -> None:
    company = open_today(app)
    add_user(ED.email, "manager")
    set_organisation(**FACTS | OTHERS)  # type: ignore[arg-type]
    other = waves.list_waves("Noise")[0]
    opened = open_wave(other.slug, now(), company.config.key_dir, actor="test")
    assert opened.promise is not None
    assert opened.promise == FrozenPromise(find_organisation(""), "Other Provider")
    sentences = browser(app).get(f"/promise/{opened.slug}").text
    assert "Ed Stone, Head of nothing, reads every comment" in sentences
    assert "an independent institute" in sentences
    older = browser(app).get(f"/promise/{company.wave.slug}").text
    assert "Mira Vance, Head of operations, reads every comment" in older
    assert f'href="/promise/{opened.slug}"' in older  # both are open


@on_postgresql("databases")
def test_an_extension_prints_the_new_date_and_nothing_else_changes(app: Flask) -> None:
    company = open_today(app)
    before = str(all_that_is_printed(app, company.wave.slug)["/promise"])
    extended = waves.extend_wave(company.wave.slug, 3, now())
    after = str(all_that_is_printed(app, company.wave.slug)["/promise"])
    old = company.wave.closes
    new = old + timedelta(days=3)
    assert extended.closes == new
    assert before.replace(f"{old:%A} {old.day} {old:%B}", f"{new:%A} {new.day} {new:%B}") == after


def test_two_readers_read_and_one_reads(app: Flask) -> None:
    add_user(ED.email, "manager")
    company = open_today(
        app,
        prepare=lambda: set_organisation(**FACTS, readers=[READER, ED]),  # type: ignore[arg-type]
    )
    page = browser(app).get(f"/s/{company.wave.slug}").text
    both = "Mira Vance and Ed Stone, Head of operations, read every comment and decide whether"
    assert both in page


def test_a_wave_that_opened_unconfirmed_long_ago_keeps_what_its_mails_said(app: Flask) -> None:
    company = open_today(app)
    with transaction() as session:
        session.execute(text("DELETE FROM organisation"))
        session.execute(text("UPDATE wave SET promise = NULL"))
    before = all_that_is_printed(app, company.wave.slug)
    add_user(ED.email, "manager")
    changed = {**FACTS, **OTHERS, "weekend": (5, 6)}  # of such a wave no weekend is kept
    set_organisation(**changed)  # type: ignore[arg-type]
    assert all_that_is_printed(app, company.wave.slug) == before


def test_before_anybody_confirmed_the_facts_the_page_names_nobody(app: Flask) -> None:
    page = browser(app).get("/promise")
    assert page.status_code == 200
    assert "No survey has opened yet" in page.text
    for guessed in ("Northwind", "northwind.example", "Dana", "feedback@"):
        assert guessed not in page.text


def test_only_waves_that_opened_here_have_a_page_of_their_own(app: Flask) -> None:
    company = open_today(app)
    planned = next(wave for wave in waves.list_waves() if wave.state == "planned")
    assert browser(app).get(f"/promise/{company.wave.slug}").status_code == 200
    for slug in (planned.slug, "no-such-wave", "latest"):
        assert browser(app).get(f"/promise/{slug}").status_code == 404


def set_afresh(**facts: object) -> None:
    """Sets the facts as if none had been stored: what is not given is not answered."""
    with transaction() as session:
        session.execute(text("DELETE FROM organisation"))
    set_organisation(**{**FACTS, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", ["yes", "no", "not answered"])
def test_employees_are_told_where_the_provider_runs_mail_or_network(
    app: Flask, answer: str
) -> None:
    runs_mail = {"yes": True, "no": False}.get(answer)
    open_today(app, prepare=lambda: set_afresh(provider_runs_mail=runs_mail))
    page = browser(app).get("/promise").text
    assert ("runs the mail or the network of Northwind Ltd" in page) == (answer == "yes")


@pytest.mark.parametrize("fact", sorted(Organisation.__dataclass_fields__))
def test_a_stored_promise_is_read_as_it_was(fact: str) -> None:
    organisation = Organisation(
        "Nordwind & Co",
        "Rana",
        "rana@nordwind.example",
        "Works council",
        "servers.example",
        several_zones=True,
        language="de",
        mail_domains=("nordwind.example", "nw.example"),
        provider_runs_mail=True,
        readers=(CommentReader("Ed", ED.email, "an-account"),),
        weekend=(4, 5),
    )
    read = read_promise(stored_promise(FrozenPromise(organisation, "Brightline IT")))
    assert getattr(read.organisation, fact) == getattr(organisation, fact)
    assert read.provider == "Brightline IT"


@pytest.mark.usefixtures("app")
def test_a_reader_who_has_left_keeps_the_next_wave_from_opening_until_somebody_else_is_named(
    app: Flask,
) -> None:
    company = open_today(app)
    remove_user(READER.email)
    other = waves.list_waves("Noise")[0]
    page = browser(app, "admin").get(f"/waves/{other.slug}/open")
    assert page.status_code == 409
    assert "Mira Vance cannot read comments any more" in page.text
    assert 'href="/organisation"' in page.text
    add_user(READER.email, "manager")  # another account, though at the same address
    assert browser(app, "admin").get(f"/waves/{other.slug}/open").status_code == 409
    set_organisation(**FACTS, readers=[READER])  # type: ignore[arg-type]
    opened = open_wave(other.slug, now(), company.config.key_dir, actor="test")
    assert opened.comment_readers[0].account != company.wave.comment_readers[0].account
