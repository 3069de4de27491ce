"""Staff letters as they arrive over a real server.

In the person's language, whole, with the same facts in both parts.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import ChoiceLoader, FileSystemLoader
from sqlalchemy import text

from survey.app import TEMPLATES
from survey.database import db, transaction
from survey.invitations.letters import (
    INVITES,
    REMINDS,
    LetterFacts,
    PersonalSecrets,
    personal_letter,
    template_for,
)
from survey.invitations.rules.codes import draw_code
from survey.kernel.addresses import wire_address
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.languages import Voice, voice_for
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import preview_wave
from survey.mail import service as mail
from survey.mail.smtp.service.sender import Connection, Limits
from survey.organisation.rules.frozen_promise import FrozenPromise
from survey.organisation.rules.organisation import Organisation
from survey.organisation.service import set_organisation
from survey.people.rules.staff_list import Person
from survey.people.service.directory import import_people
from survey.people.service.stopping import draw_stop_secret
from survey.schedule import tick
from survey.waves import service as waves
from survey.waves.rules.waves import ReportingGroup, Wave, WaveState
from tests.cast import OPENS, found_company
from tests.mail.postbox import Postbox, open_postbox
from tests.mail.test_letter import raw_header
from tests.outside import browser
from tests.proofs import on_postgresql
from tests.pseudo import BACKWARDS, LONGER, invented

LANGUAGES = ("de", "de-AT", "EN-gb", "fr", "", "")
NAMES = (
    "Jürgen Müller-Lüdenscheidt, Dr.",
    "😀 Emoji 👩‍💻",
    "محمد علي",
    "שרה כהן",
    "李雷",
    'O\'Neil "The" <b>',
)
GERMAN, ENGLISH = (
    "Wie läuft es mit unserem IT-Support? Acht Fragen, bis ",
    "How is our IT support doing? Eight questions, by ",
)
FACTS = LetterFacts(
    FrozenPromise(
        Organisation(
            "Northwind Ltd",
            "Dana Reyes",
            "dana@northwind.example",
            "Head",
            "northwind.example",
            several_zones=True,
        ),
        "Brightline IT",
    ),
    "it-support-2027-q1",
    OPENS.replace(day=25, hour=17),
    "Europe/London",
    5,
    10,
    ("Rosa Lind", "Emil Ek"),
    8,
    2,
    ReportingGroup("Board, Legal and Service", 20, ("Board", "Legal", "Service")),
    "https://feedback.northwind.example",
)


@pytest.fixture
def box() -> Iterator[Postbox]:
    with open_postbox() as box:
        yield box


def staff_with(
    languages: tuple[str, ...] = LANGUAGES,
    names: tuple[str, ...] = NAMES,
    domain: str = "northwind.example",
) -> bytes:
    """Twelve colleagues, among them some with names and languages of their own."""
    rows = [
        f'p{n}@{domain},"{name.replace(chr(34), chr(34) * 2)}",Sales,{language}'
        for n, (name, language) in enumerate(zip(names, languages, strict=True))
    ]
    rows += [f"c{n}@northwind.example,Colleague {n},Sales," for n in range(6)]
    return "\n".join(["email,name,department,language", *rows]).encode()


def planned(staff: bytes | None = None) -> Wave:
    first = found_company({"Sales": 1})
    import_people(staff or staff_with(), remove_missing=True)
    return first


def opened(app: Flask, first: Wave) -> Wave:
    return open_wave(first.slug, now(), app.config["CANDOUR"].key_dir, actor="test")


def arrived(box: Postbox) -> dict[str, EmailMessage]:
    """Hands over what is due; the letters by address."""
    assert mail.deliver_letters(channel=Connection(box.url, None, Limits(5.0, 10.0))).problem == ""
    return {letter["To"].addresses[0].addr_spec: letter for letter in box.letters()}


def parts(letter: EmailMessage) -> tuple[str, str]:
    plain, rich = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain
    assert rich
    return str(plain.get_content()).replace("\r\n", "\n"), str(rich.get_content()).replace(
        "\r\n", "\n"
    )


def rows(table: str) -> int:
    return int(db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def written(kind: str, voice: Voice, facts: LetterFacts = FACTS) -> tuple[str, str, str]:
    """Subject, text and HTML of a letter."""
    means = PersonalSecrets(draw_code(), draw_stop_secret(), draw_stop_secret())
    letter = personal_letter(
        template_for(kind, voice, facts),
        Person("1", "ada@northwind.example", "Ada", "Sales"),
        means,
    )
    return letter.subject, letter.text, letter.html


@on_postgresql("databases")
def test_everybody_is_written_to_in_their_language_or_the_nearest(app: Flask, box: Postbox) -> None:
    first = planned()
    assert (
        preview_wave(first.slug).warnings[-1]
        == "1 person is written to in English, because letters are not offered in: fr."
    )
    opened(app, first)
    letters = arrived(box)
    assert len(letters) == 12
    begins = {
        address: letter["Subject"].split(":")[0].rpartition(" ")[0]
        for address, letter in letters.items()
    }
    german = {address for address, subject in begins.items() if subject.startswith(GERMAN)}
    assert german == {"p0@northwind.example", "p1@northwind.example"}
    assert all(
        subject.startswith(ENGLISH) for address, subject in begins.items() if address not in german
    )
    for address, letter in letters.items():
        plain, rich = parts(letter)
        assert f'<html lang="{"de" if address in german else "en"}" dir="ltr">' in rich
        assert len(re.findall(rf"http://localhost/s/{first.slug}#\w{{24}}\n", plain)) == 1
        for part in (plain, words(rich)):
            assert ("Die Umfrage selbst ist auf Englisch." in part) is (address in german)
            assert (
                "Gezählt werden sie unter Sales (12 Personen eingeladen)." in " ".join(part.split())
            ) is (address in german)


def test_whose_language_is_unknown_is_written_to_in_that_of_the_organisation(
    app: Flask, box: Postbox
) -> None:
    contact = ("Dana Reyes", "dana@northwind.example")
    first = planned()
    set_organisation(
        "Northwind GmbH",
        *contact,
        "Leitung",
        "northwind.example",
        several_zones=False,
        language="de",
    )
    opened(app, first)
    letters = arrived(box)
    english = {
        address for address, letter in letters.items() if letter["Subject"].startswith(ENGLISH)
    }
    assert english == {
        "p2@northwind.example",
        "p3@northwind.example",
    }  # who asked for English, or for what is not offered


@on_postgresql("databases")
def test_a_new_date_stands_in_the_next_letter_and_a_changed_fact_does_not(
    app: Flask, box: Postbox
) -> None:
    wave = opened(app, planned())
    box.answers = {"RCPT": ["451 4.3.0 later"]}
    before = {str(letter["Subject"]) for letter in arrived(box).values()}
    extended = waves.extend_wave(wave.slug, 3, now())
    set_organisation(
        "Nordwind AG",
        "Rana Deyes",
        "rana@northwind.example",
        "Works council",
        "x.example",
        several_zones=True,
    )
    with transaction() as session:
        session.execute(text("UPDATE outbox SET next_at = '2020-01-01' WHERE state = 'ready'"))
    box.kept.clear()
    (late,) = arrived(box).values()
    assert str(late["Subject"]) not in before
    assert late["Reply-To"] == "dana@northwind.example"
    closes = [
        voice_for(tag).moment(extended.closes, extended.timezone, several_zones=False)
        for tag in ("en", "de")
    ]
    for part in parts(late):
        assert "Northwind Ltd" in part
        assert "Dana Reyes" in part
        assert not re.search("Nordwind|Rana", part)
        assert any(moment in " ".join(part.split()) for moment in closes)


@on_postgresql("databases")
@pytest.mark.parametrize("domain", ["northwind.example", "müller.example", "fußball.example"])
def test_every_name_arrives_whole_in_short_plain_lines(
    app: Flask, box: Postbox, domain: str
) -> None:
    languages = ("de", BACKWARDS, "en", "de", LONGER, "de")
    contact = ("Zoë “Zz” Ångström & <Söhne>", "zoe@müller.example")
    first = planned(staff_with(languages, domain=domain))
    set_organisation('Ünal & "Söhne" <i>', *contact, "شركة", "müller.example", several_zones=True)
    opened(app, first)
    letters = arrived(box)
    for _, octets in box.kept:
        assert octets.isascii()
        lines = octets.split(b"\r\n")
        assert [line for line in lines if len(line) > 76] == [
            line for line in lines if line.startswith(b"List-Unsubscribe: ")
        ]  # a link
    for number, name in enumerate(NAMES):
        address = wire_address(f"p{number}@{domain}")
        octets = next(octets for (to,), octets in box.kept if to == address)
        shown = raw_header(octets, "To").rpartition(" <")[0].strip()
        assert shown.removeprefix('"').removesuffix('"').replace("\\", "") == name
        plain, rich = parts(letters[address])
        assert 'Ünal & "Söhne" <i>' in " ".join(plain.split())
        assert "Zoë “Zz” Ångström & <Söhne>" in " ".join(plain.split())
        assert "Ünal &amp; " in rich
        assert "<i>" not in rich
        assert "<Söhne>" not in rich


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", [INVITES, REMINDS])
@pytest.mark.parametrize("language", ["en", "de", LONGER, BACKWARDS])
def test_both_parts_state_the_same_figures_and_addresses(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, kind: str
) -> None:
    invented(tmp_path, monkeypatch)
    _, plain, rich = written(kind, voice_for(language))
    body = re.sub(r"<head>.*</head>", "", rich, flags=re.DOTALL)
    links = set(re.findall(r"https://[^\s<>\"]+", plain))
    assert links == set(re.findall(r"https://[^\s<>\"]+", body))
    assert len({link.partition("#")[0] for link in links}) == 3
    assert [link for link in links if "/s/" in link and "#" in link] == re.findall(
        r'href="([^"]*/s/[^"]*)"', body
    )
    figures = [
        set(re.findall(r"(?<![\w-])\d+(?![\w-])", re.sub(r"https://\S+", "", part)))
        for part in (plain, words(body))
    ]
    assert figures[0] == figures[1] >= {"25", "17", "00", "20"}
    assert set(re.findall(r"(?:\w{4}-){5}\w{4}", plain)) == set(
        re.findall(r"(?:\w{4}-){5}\w{4}", body)
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", [INVITES, REMINDS])
@pytest.mark.parametrize("language", [LONGER, BACKWARDS])
def test_no_sentence_of_a_letter_is_left_untranslated(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, kind: str
) -> None:
    invented(tmp_path, monkeypatch)
    voice = voice_for(language)
    subject, plain, rich = written(kind, voice)
    for part in (subject, re.sub(r"https://\S+", "", plain), words(rich)):
        left = part
        while left != (left := re.sub(r"⟦[^⟦⟧]*⟧", "", left)):
            pass
        assert re.sub(r"https://\S+|(?:\w{4}-){5}\w{4}|[\s:]", "", left) == "", language
    assert f'dir="{voice.direction}"' in rich
    assert f'align="{"right" if language == BACKWARDS else "left"}" style="padding:24px' in rich
    assert 'class="code" dir="ltr"' in rich


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_letters_of_equal_facts_share_a_template_and_others_do_not(app: Flask) -> None:
    one = template_for(INVITES, voice_for("de"), FACTS)
    assert template_for(INVITES, voice_for("de-AT"), FACTS) is one
    other = FrozenPromise(replace(FACTS.organisation), "Brightline IT")
    assert (
        template_for(
            INVITES,
            voice_for("de"),
            LetterFacts(other, *[getattr(FACTS, name) for name in list(FACTS.__slots__)[1:]]),
        )
        is one
    )
    assert template_for(REMINDS, voice_for("de"), FACTS) is not one
    assert template_for(INVITES, voice_for("en"), FACTS) is not one
    assert "Board, Legal und Service" in one.text.fixed[1].replace("\n", " ")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_letter_fits_what_mail_programs_show_whole(app: Flask) -> None:
    for language in ("en", "de"):
        subject, plain, rich = written(REMINDS, voice_for(language))
        assert len(subject) <= 100
        assert len(rich.encode()) < 8 * 1024
        assert "<style" not in rich
        assert "<img" not in rich
        assert max(len(line) for line in plain.splitlines() if "https://" not in line) <= 72


def spoil_catalog(folder: Path, monkeypatch: pytest.MonkeyPatch, app: Flask) -> str:
    path = invented(folder, monkeypatch) / "de" / "LC_MESSAGES" / "letters.po"
    content = path.read_text()
    path.write_text(content.replace("bis {closes}:", "bis {datum}:"))
    line = content[: content.index('msgid "Open until {closes}:"')].count("\n") + 1
    return (
        f"translations/de/LC_MESSAGES/letters.po, line {line}: the slot {{datum}} is unknown here."
        " Use {closes}."
    )


def _template_with(folder: Path, app: Flask, name: str, line: str) -> int:
    """Adds a line to a copy of one letter; gives its number."""
    letters = Path("invitations", "letters")
    shutil.copytree(TEMPLATES / letters, folder / "own" / letters)
    path = folder / "own" / letters / name
    lines = path.read_text().splitlines()
    place = next(number for number, one in enumerate(lines) if "promise" in one)
    path.write_text("\n".join([*lines[:place], line, *lines[place:]]) + "\n")
    assert app.jinja_loader
    app.jinja_env.loader = ChoiceLoader([FileSystemLoader(folder / "own"), app.jinja_loader])
    return place + 1


def spoil_slot(folder: Path, monkeypatch: pytest.MonkeyPatch, app: Flask) -> str:
    line = _template_with(folder, app, "invitation.txt", "{{ surprise }}")
    return f"templates/invitations/letters/invitation.txt, line {line}: 'surprise' is undefined."


def spoil_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch, app: Flask) -> str:
    line = _template_with(folder, app, "invitation.html", '{{ _("Until {then}.", closes=closes) }}')
    return (
        f"templates/invitations/letters/invitation.html, line {line}: the slot {{then}} is not"
        " filled."
    )


def spoil_form(folder: Path, monkeypatch: pytest.MonkeyPatch, app: Flask) -> str:
    line = _template_with(folder, app, "invitation.txt", "{% if %}")
    return f"templates/invitations/letters/invitation.txt, line {line}: "


def spoil_subject(folder: Path, monkeypatch: pytest.MonkeyPatch, app: Flask) -> str:
    path = invented(folder, monkeypatch) / "de" / "LC_MESSAGES" / "letters.po"
    path.write_text(
        path.read_text().replace(
            "Wie läuft es mit unserem IT-Support? {q", "Wie " + "sehr " * 40 + "{q"
        )
    )
    return "invitation in Deutsch: The letter was not written: its subject has "


def spoil_reply(folder: Path, monkeypatch: pytest.MonkeyPatch, app: Flask) -> str:
    with transaction() as session:
        session.execute(
            text("UPDATE organisation SET contact_email = :bad"),
            {"bad": "dana@northwind.example\r\nBcc: eve@other.example"},
        )
    return (
        "invitation in Deutsch: The letter was not written: Remove the line break or control"
        " character."
    )


@on_postgresql("databases")
@pytest.mark.parametrize(
    "spoil", [spoil_catalog, spoil_slot, spoil_sentence, spoil_form, spoil_subject, spoil_reply]
)
def test_no_wave_opens_whose_letters_cannot_be_written(
    app: Flask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil,  # type: ignore[no-untyped-def]  # noqa: ANN001
) -> None:
    first = planned()
    says = spoil(tmp_path, monkeypatch, app)
    with pytest.raises(Refused, match="its letters cannot be written") as refused:
        opened(app, first)
    assert refused.value.sentence.startswith(
        f"{first.slug} does not open, for its letters cannot be written; nothing was queued."
        f" Correct {says}"
    )
    assert (rows("outbox"), rows("invitation"), waves.find_wave(first.slug).state) == (
        0,
        0,
        WaveState.PLANNED,
    )
    assert list((tmp_path / "keys").iterdir()) == []
    assert says in "\n".join(tick(app.config["CANDOUR"], first.opens_at))
    mira = browser(app, "manager")
    page = mira.get(f"/waves/{first.slug}/open")
    assert (page.status_code, says in unescape(page.text)) == (409, True)
    assert rows("outbox") == 0


def test_a_language_that_nobody_is_written_to_in_keeps_no_wave_shut(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_catalog(tmp_path, monkeypatch, app)
    assert opened(app, planned(staff_with(("en", "", "fr", "", "", "")))).invited == 12


def test_one_persons_letter_that_cannot_be_written_keeps_no_other(app: Flask, box: Postbox) -> None:
    opened(app, planned())
    with transaction() as session:
        session.execute(
            text("UPDATE person SET name = :bad WHERE email = 'c3@northwind.example'"),
            {"bad": "Eve\r\nBcc: all@x.example"},
        )
    letters = arrived(box)
    assert len(letters) == 11
    assert "c3@northwind.example" not in letters
    assert b"all@x.example" not in b"".join(octets for _, octets in box.kept)
    ((_, why),) = mail.delivery_status().failures
    assert (
        why == "The letter was not written: its name holds a line break or control character."
        " Remove it."
    )


@pytest.mark.parametrize("bad", ["\r", "\n", "\r\nBcc: eve@other.example", "\x00"])
def test_line_breaks_come_in_nowhere(app: Flask, bad: str) -> None:
    first = planned()
    with pytest.raises(Refused):
        import_people(f'email,name,department,language\neve@x.example,"E{bad}ve",Sales,\n'.encode())
    with pytest.raises(Refused):
        import_people(
            f'email,name,department,language\neve@x.example,Eve,Sales,"d{bad}e"\n'.encode()
        )
    with pytest.raises(Refused):
        set_organisation(
            f"North{bad}wind",
            "Dana",
            "dana@northwind.example",
            "Head",
            "x.example",
            several_zones=False,
        )
    with pytest.raises(Refused):
        set_organisation(
            "Northwind",
            "Dana",
            "dana@northwind.example",
            "Head",
            "x.example",
            several_zones=False,
            language=f"de{bad}",
        )
    assert waves.find_wave(first.slug).state is WaveState.PLANNED
    assert rows("person") == 12
