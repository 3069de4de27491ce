"""Opening a wave: once, whole, frozen; and who may still answer afterwards."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import list_entries
from survey.answering.service import SubmissionOutcome
from survey.database import db
from survey.findings.service.documents import find_findings
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitation_for, invitations_of, store_code
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import notes_on_mail, preview_wave
from survey.people.service.directory import (
    correct_address,
    import_people,
    list_people,
    remove_person,
)
from survey.vault.keys.service import key_files
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState
from tests import forking
from tests.answering.today import everything_stored, open_today, sent_letters
from tests.cast import (
    OPENS,
    answer,
    answer_all,
    close_company,
    found_company,
    open_company,
    staff_csv,
)
from tests.conftest import settings_of
from tests.proofs import on_postgresql


def rows(table: str) -> int:
    return int(db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)


def at_once(app: Flask, *works: Callable[[], object]) -> list[object]:
    """What these came to, begun at the same moment, each with a connection of its own."""
    start, came_to = threading.Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        start.wait(timeout=20)
        with app.app_context():
            try:
                came_to.append(work())
            except Refused as refused:
                came_to.append(refused)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return came_to


def opening(app: Flask, wave: Wave) -> Callable[[], object]:
    return lambda: open_wave(wave.slug, wave.opens_at, app.config["CANDOUR"].key_dir, actor="test")


def test_a_wave_opens_once_however_many_threads_try(app: Flask) -> None:
    first = found_company()
    came_to = at_once(app, *[opening(app, first)] * 6)
    assert len(came_to) == 6
    assert [one.invited for one in came_to if isinstance(one, Wave)] == [58]
    assert {one.sentence for one in came_to if isinstance(one, Refused)} == {
        "it-support-2027-q1 is open already; a wave opens once."
    }
    assert (rows("invitation"), rows("outbox"), rows("wave_group")) == (
        58,
        58,
        len(waves.find_wave(first.slug).groups),
    )
    assert (
        db.session.execute(text("SELECT count(DISTINCT person_id) FROM invitation")).scalar() == 58
    )


def test_two_processes_open_one_wave(app: Flask, database_url: str, tmp_path: Path) -> None:
    first = found_company()
    db.session.remove()
    environment = {"PATH": "/usr/bin:/bin", **settings_of(database_url, tmp_path)}
    both = [
        forking.start("candour", "waves", "open", first.slug, environment=environment, cwd=tmp_path)
        for _ in range(2)
    ]
    ended = [process.wait() for process in both]
    assert sorted(process.returncode for process in ended) == [0, 1], ended
    assert "opens once" in "".join(process.stderr for process in ended)
    assert (rows("invitation"), rows("outbox")) == (58, 58)


def test_two_waves_of_one_survey_opened_at_once_give_one_open_wave(app: Flask) -> None:
    first = found_company()
    second = waves.plan_wave("IT support", OPENS + timedelta(days=1), OPENS + timedelta(days=4))
    came_to = at_once(app, opening(app, first), opening(app, second))
    assert sorted(type(one).__name__ for one in came_to) == ["Refused", "Wave"], came_to
    assert sum(w.state is WaveState.OPEN for w in waves.list_waves("IT support")) == 1
    assert rows("invitation") == rows("outbox") == 58


def test_opening_twice_changes_nothing(app: Flask) -> None:
    company = open_company(app)
    before = everything_stored()
    with pytest.raises(Refused, match="opens once"):
        open_wave(company.wave.slug, company.wave.opens_at, company.config.key_dir, actor="test")
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("sizes", "invited"), [({"Sales": 7}, 7), ({"Sales": 4, "Legal": 3}, 7), ({}, 0)]
)
def test_under_eight_people_no_wave_opens(app: Flask, sizes: dict[str, int], invited: int) -> None:
    first = found_company(sizes or {"Sales": 1})
    if not sizes:
        remove_person("ada@northwind.example")
    with pytest.raises(Refused, match=f"Only {invited} people.*at least 8"):
        open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert (rows("invitation"), rows("outbox")) == (0, 0)
    assert waves.find_wave(first.slug).state is WaveState.PLANNED


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("invited", "asks_text", "warns"),
    [
        (8, False, ["no open question", "never be shown", "ladder"]),
        (9, False, ["no open question"]),
        (10, True, ["about 1 times in 100"]),
        (19, True, ["about 91 times in 100"]),
        (20, True, []),
    ],
)
def test_small_waves_say_what_they_will_never_show(
    app: Flask,
    invited: int,
    asks_text: bool,  # noqa: FBT001
    warns: list[str],
) -> None:
    first = found_company({"Sales": invited})
    said = " ".join(preview_wave(first.slug).warnings)
    assert all(words in said for words in warns)
    assert bool(said) == bool(warns)
    opened = open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert ("OPN1" in {q.id for q in waves.questions_of(opened).questions}) is asks_text
    assert (opened.minimum_group, opened.minimum_detail) == (5, 10)


def test_groups_under_eight_join_the_smallest_other_and_everybody_is_in_one(app: Flask) -> None:
    first = found_company({"Sales": 20, "Service": 15, "Legal": 3, "Board": 2})
    plan = preview_wave(first.slug)
    assert [(g.name, g.invited) for g in plan.groups] == [
        ("Board, Legal and Service", 20),
        ("Sales", 20),
    ]
    assert "Board, Legal and Service are counted together (20 people)" in plan.warnings[0]
    opened = open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert opened.groups == plan.groups
    assert {(p.department, i.group) for i, p in invitations_of(opened.id)} == {
        ("Sales", "Sales"),
        *((name, "Board, Legal and Service") for name in ("Service", "Legal", "Board")),
    }


@on_postgresql("databases")
def test_what_the_directory_becomes_later_does_not_touch_an_open_wave(
    app: Flask, tmp_path: Path
) -> None:
    company = open_today(app)
    groups = {p.email: i.group for i, p in invitations_of(company.wave.id)}
    moved = staff_csv().replace(b"Ada Berg,Sales", b"Ada Berg,Legal")
    import_people(moved + b"\nnew@northwind.example,Newcomer,Sales")
    assert len(list_people()) == 59
    assert waves.find_wave(company.wave.slug) == company.wave
    assert {p.email: i.group for i, p in invitations_of(company.wave.id)} == groups
    letters = sent_letters(tmp_path / "mail")
    assert len(letters) == 58
    assert not any("new@northwind.example" in letter.to for letter in letters)
    [of_ada] = [letter for letter in letters if "ada@northwind.example" in letter.to]
    assert "under Sales (14 people invited)" in " ".join(of_ada.text.split())


@on_postgresql("databases")
def test_the_audit_log_holds_what_was_frozen(app: Flask) -> None:
    company = open_company(app)
    [entry] = list_entries(what="wave opened")
    facts = entry.facts
    assert facts["groups"] == {g.name: g.invited for g in company.wave.groups}
    assert (facts["invited"], facts["minimum"], facts["opens"][:10], facts["closes"][:10]) == (
        58,
        [5, 10],
        "2027-01-11",
        "2027-01-25",
    )
    assert facts["questionnaire"] == waves.questions_of(company.wave).digest
    assert facts["roster"].startswith("sha256:")
    assert "northwind.example" not in str(facts)


@on_postgresql("databases")
@pytest.mark.parametrize("place", ["file", "no folder", "probe"])
def test_without_a_working_key_folder_nothing_is_stored_or_sent(
    app: Flask, tmp_path: Path, place: str
) -> None:
    first = found_company()
    (tmp_path / "file").write_text("no folder")
    folder = {"file": tmp_path / "file", "no folder": None, "probe": tmp_path / "keys"}[place]
    if place == "probe":
        (tmp_path / "keys" / f"{first.id}.key").write_bytes(b"left by a crash")
    before = everything_stored()
    with pytest.raises(Refused, match=r"cannot be written|has no key folder|damaged"):
        open_wave(first.slug, first.opens_at, folder, actor="test")
    assert everything_stored() == before
    assert waves.find_wave(first.slug).state is WaveState.PLANNED


def test_the_database_holds_the_digest_of_a_code_and_never_the_code_or_the_key(app: Flask) -> None:
    company = open_company(app)
    stored = str(everything_stored())
    assert not any(code in stored or code.encode().hex() in stored for code in company.codes)
    assert key_files.load_key(company.config.key_dir, company.wave.id).hex() not in stored
    assert rows("token") == 58


@on_postgresql("databases")
def test_a_code_is_good_in_its_own_wave_only(app: Flask) -> None:
    company = open_company(app)
    noise = next(w for w in waves.list_waves() if w.survey == "Noise")
    other = open_wave(noise.slug, noise.opens_at, company.config.key_dir, actor="test")
    code = draw_code()
    store_code(invitations_of(other.id)[0][0].id, code)
    assert invitation_for(code, other.id)
    assert invitation_for(code, company.wave.id) is None
    assert answer(company, code, {"OVR1": "4"}).outcome is SubmissionOutcome.CODE_REFUSED


@on_postgresql("databases")
def test_whoever_leaves_cannot_answer_any_more_and_the_number_invited_stays(
    app: Flask, tmp_path: Path
) -> None:
    company = open_today(app)
    assert answer(company, company.codes[0], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    people = [person.email for _, person in invitations_of(company.wave.id)]
    for email in people[:2]:
        remove_person(email)
    unknown = answer(company, draw_code(), {"OVR1": "4"})
    assert answer(company, company.codes[1], {"OVR1": "4"}) == unknown
    assert invitation_for(company.codes[1], company.wave.id) is None
    assert answer(company, company.codes[2], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    assert waves.find_wave(company.wave.slug).invited == 58
    # Not who left, but also who has answered: so no letter tells of that.
    assert len(sent_letters(tmp_path / "mail")) == 56
    answer_all(company, company.codes[3:12])
    close_company(company)
    document = find_findings(company.wave.slug).document
    assert (document["invited"], document["answered"]) == (58, 11)


@on_postgresql("databases")
def test_the_invitation_goes_to_the_address_of_the_launch_and_states_the_extended_date(
    app: Flask, tmp_path: Path
) -> None:
    company = open_today(app)
    correct_address("ada@northwind.example", "ada.berg@northwind.example")
    extended = waves.extend_wave(company.wave.slug, 3, now())
    letters = sent_letters(tmp_path / "mail")
    assert len(letters) == 58
    assert [letter.to for letter in letters].count("Ada Berg <ada@northwind.example>") == 1
    assert all(
        f"{extended.closes.day} {extended.closes:%B}, 17:00" in letter.subject for letter in letters
    )


def test_a_launch_that_cannot_be_mailed_in_time_says_so(app: Flask) -> None:
    first = found_company()
    plan, config = preview_wave(first.slug), replace(app.config["CANDOUR"], mail_per_minute=1)
    assert notes_on_mail(plan, config, first.opens_at) == ()
    (told,) = notes_on_mail(plan, config, first.closes_at - timedelta(minutes=30))
    assert told.startswith(
        "58 letters at 1 a minute need 58 minutes, but the wave closes after 30 minutes: some"
        " people would never be asked."
    )
