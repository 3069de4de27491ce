"""The ceremony: two keys, two shuffles, and nothing changed by a file that is not the right one."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from survey.access.service.audit import list_entries
from survey.answering.service import SubmissionOutcome
from survey.counting.service import (
    count_returned,
    export_sealed_ballots,
    void_wave,
    waves_with_leftover_keys,
)
from survey.database import db
from survey.findings.service.documents import find_findings
from survey.invitations.service.invitations import number_answered
from survey.kernel.errors import Refused
from survey.organisation.rules.promise import PromiseTerms, promise_on_form
from survey.responses.service.responses import comment_texts, number_of_ballots
from survey.schedule import tick
from survey.vault.keys.service import key_files
from survey.vault.rules import ceremony_files, sealing
from survey.vault.rules.ceremony_files import (
    ReturnedFile,
    read_outgoing,
    read_returned,
    write_returned,
)
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests import forking
from tests.answering.today import everything_stored, open_today, sent_letters
from tests.cast import Company, answer, answer_all, close_company, files_under, open_company
from tests.conftest import settings_of
from tests.outside import browser, command_line
from tests.proofs import on_postgresql
from tests.representative import (
    Representative,
    register,
    representative,
    sealed_file,
    strict_company,
)


@pytest.fixture
def rosa() -> Representative:
    return representative("Rosa Marin")


def returned_file(company: Company, by: Representative) -> bytes:
    return by.opens(sealed_file(company), company.wave.closes_at)


def take_back(company: Company, content: bytes) -> WaveState:
    return count_returned(company.wave.slug, content, company.config.key_dir, actor="test").state


def ballots_stored() -> list[tuple[bytes, bytes | None]]:
    return [tuple(row) for row in db.session.execute(text("SELECT sealed, spare FROM ballot"))]


def everything_at_rest(folder: Path) -> Iterator[bytes]:
    """Every file and every value of every table, digits turned into what they may stand for."""
    for path in files_under(folder):
        if not path.name.startswith("candour.db"):
            yield path.read_bytes()
    for table in inspect(db.engine).get_table_names():
        for row in db.session.execute(text(f'SELECT * FROM "{table}"')):
            for value in row:
                if isinstance(value, bytes | memoryview):
                    yield bytes(value) if table != "ballot" else bytes(value)[:64]
                elif value is not None:
                    yield from (
                        bytes.fromhex(run[: len(run) // 2 * 2])
                        for run in re.findall(r"[0-9a-f]{64,}", str(value))
                    )


def secrets_at_rest(folder: Path, publics: set[bytes]) -> set[bytes]:
    """The public halves whose secret halves lie anywhere at rest."""
    pieces = {
        value[place : place + 32]
        for value in everything_at_rest(folder)
        for place in range(len(value) - 31)
    }
    assert len(pieces) > 100
    return {public for piece in pieces if (public := sealing.public_key_of(piece)) in publics}


@on_postgresql("databases")
def test_no_key_at_rest_opens_a_ballot_and_neither_key_does_alone(
    app: Flask, tmp_path: Path, rosa: Representative
) -> None:
    piet = representative("Piet Smit")
    company = strict_company(app, rosa, piet, answers=6)
    (tmp_path / "out").write_bytes(sealed_file(company)[:2000])
    publics = {company.wave.public_key or b"", rosa.public, piet.public}
    assert secrets_at_rest(tmp_path, publics) == {company.wave.public_key}, (
        "the server holds its own key and no other"
    )
    own = key_files.load_key(company.config.key_dir, company.wave.id)
    for ballot in [one for row in ballots_stored() for one in row]:
        assert ballot is not None
        assert len(ballot) == 8288
        for opens in (sealing.open_ballot, sealing.open_outer_layer):
            with pytest.raises(sealing.Unreadable):
                opens(own, company.wave.id, ballot)
    for inner in read_returned(returned_file(company, rosa)).ballots:
        for key in (rosa.private, piet.private):
            with pytest.raises(sealing.Unreadable):
                sealing.open_ballot(key, company.wave.id, inner)
        assert sealing.open_ballot(own, company.wave.id, inner)
    (tmp_path / "careless").write_bytes(b"note" + rosa.private)
    assert secrets_at_rest(tmp_path, publics) == {
        company.wave.public_key,
        rosa.public,
    }, "the search finds a key that lies about"


@on_postgresql("databases")
@pytest.mark.parametrize(("holders", "opener"), [(1, 0), (2, 0), (2, 1)])
def test_with_both_keys_the_wave_is_counted_whole(app: Flask, holders: int, opener: int) -> None:
    people = [representative(f"Holder {number}") for number in range(holders)]
    company = strict_company(app, *people, answers=42, comment="canary ")
    assert all((spare is None) == (holders == 1) for _, spare in ballots_stored())
    sealed = sealed_file(company)
    assert (
        take_back(company, people[opener].opens(sealed, company.wave.closes_at))
        is WaveState.COUNTED
    )
    assert sorted(comment_texts(company.wave, "OPN1")) == sorted(
        f"canary {number}" for number in range(42)
    )
    document = find_findings(company.wave.slug).document
    assert (document["answered"], document["unreadable"]) == (42, 0)
    assert (number_of_ballots(company.wave.id), number_answered(company.wave.id)) == (0, 0)
    assert not key_files.has_key(company.config.key_dir, company.wave.id)
    noted = json.dumps([entry.facts for entry in list_entries()])
    assert people[opener].fingerprint in noted
    assert ceremony_files.file_hash(sealed) in noted


@on_postgresql("databases")
def test_the_strict_tier_counts_what_the_default_tier_counts(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa, answers=20)
    take_back(company, returned_file(company, rosa))
    strict = find_findings(company.wave.slug).document["distributions"]
    contents = db.session.execute(text("SELECT scores FROM response")).scalars().all()
    assert len(contents) == 20
    assert (
        sum(next(d["counts"] for d in strict if d["question"] == "OVR1" and d["group"] is None))
        == 20
    )


@on_postgresql("databases")
def test_the_ballots_are_shuffled_on_the_way_out_and_on_the_way_back(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa, answers=20)
    stored = [sealed for sealed, _ in ballots_stored()]
    first, second = (read_outgoing(sealed_file(company)).layers[0] for _ in range(2))
    assert sorted(first) == sorted(second) == sorted(stored)
    assert len({first, second, tuple(stored), tuple(sorted(stored))}) == 4
    inside = {
        sealing.open_outer_layer(rosa.private, company.wave.id, ballot): ballot for ballot in first
    }
    back = read_returned(returned_file(company, rosa)).ballots
    assert sorted(back) == sorted(inside)
    assert tuple(inside[ballot] for ballot in back) not in {first, second, tuple(stored)}


@on_postgresql("databases")
def test_a_strict_wave_ends_answering_and_waits_however_often_it_is_looked_at(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa, answers=6)
    late = company.wave.closes_at + timedelta(days=1)
    assert waves.find_wave(company.wave.slug).state is WaveState.CLOSED
    before = (
        number_of_ballots(company.wave.id),
        number_answered(company.wave.id),
        len(list_entries()),
    )
    for _ in range(2):
        said = [line for line in tick(company.config, late) if company.wave.slug in line]
        assert said == [
            (
                f"{company.wave.slug} is closed and waits for its representative: candour ceremony"
                f" export {company.wave.slug} FILE"
            )
        ]
    close_company(company)
    assert (
        (number_of_ballots(company.wave.id), number_answered(company.wave.id))
        == before[:2]
        == (6, 6)
    )
    assert [entry.what for entry in list_entries()].count("wave closed") == 1
    assert (
        answer(company, company.codes[7], {"OVR1": "4"}).outcome is SubmissionOutcome.CODE_REFUSED
    )
    with pytest.raises(Refused, match="and been counted"):
        find_findings(company.wave.slug)


@on_postgresql("databases")
def test_fewer_than_five_ballots_void_a_strict_wave_without_a_ceremony(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa, answers=4)
    assert (company.wave.state, company.wave.void_words) == (
        WaveState.VOID,
        "fewer than 5 people answered",
    )
    assert (ballots_stored(), key_files.has_key(company.config.key_dir, company.wave.id)) == (
        [],
        False,
    )
    with pytest.raises(Refused, match="nothing to open"):
        sealed_file(company)


@on_postgresql("databases")
def test_a_wave_whose_second_key_is_lost_can_only_be_given_up(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa, answers=8)
    void_wave(company.wave.slug, company.config.key_dir, reason="the key was lost", actor="test")
    assert ballots_stored() == []
    with pytest.raises(Refused, match="is void"):
        take_back(company, b"")


@on_postgresql("databases")
def test_nothing_is_handed_over_while_the_wave_is_open_or_needs_no_second_key(
    app: Flask, rosa: Representative
) -> None:
    register(rosa)
    company = open_company(app)
    answer_all(company, company.codes[:6])
    with pytest.raises(Refused, match="still takes answers"):
        export_sealed_ballots(company.wave.slug, actor="test")
    planned = next(wave for wave in waves.list_waves() if wave.state is WaveState.PLANNED)
    for refused in (
        lambda: export_sealed_ballots(planned.slug, actor="test"),
        lambda: count_returned(planned.slug, b"", None, actor="test"),
    ):
        with pytest.raises(Refused, match="there is no ceremony"):
            refused()


Spoil = Callable[[Company, ReturnedFile], bytes]


def with_header(returned: ReturnedFile, **facts: object) -> bytes:
    return write_returned(replace(returned, header=replace(returned.header, **facts)))  # type: ignore[arg-type]


def foreign_ballots(company: Company, returned: ReturnedFile, number: int) -> tuple[bytes, ...]:
    other = representative("another server")
    fresh = tuple(
        sealing.seal_ballot(other.public, company.wave.id, b"%d" % place) for place in range(number)
    )
    return (*fresh, *returned.ballots[number:])


SPOILT: dict[str, tuple[Spoil, str]] = {
    "one bit": (
        lambda _, returned: (
            write_returned(returned)[:-5000] + b"\0" + write_returned(returned)[-4999:]
        ),
        "damaged",
    ),
    "cut off": (lambda _, returned: write_returned(returned)[:-9000], "damaged"),
    "the sealed file itself": (lambda company, _: sealed_file(company), "not the right file"),
    "nothing": (lambda *_: b"", "not the right file"),
    "another wave": (lambda _, returned: with_header(returned, wave="0" * 32), "another wave"),
    "a key nobody registered": (
        lambda _, returned: with_header(returned, keys=("0000",)),
        "not sealed to",
    ),
    "one ballot missing": (
        lambda _, returned: with_header(replace(returned, ballots=returned.ballots[1:]), count=11),
        "holds 11 ballots",
    ),
    "a ballot twice": (
        lambda _, returned: write_returned(
            replace(returned, ballots=(*returned.ballots[1:], returned.ballots[-1]))
        ),
        "twice",
    ),
    "one foreign ballot": (
        lambda company, returned: write_returned(
            replace(returned, ballots=foreign_ballots(company, returned, 1))
        ),
        "1 of the 12 ballots",
    ),
    "rubbish that calls itself unreadable": (
        lambda company, returned: with_header(
            replace(returned, ballots=foreign_ballots(company, returned, 12)), unreadable=12
        ),
        "12 of the 12 ballots",
    ),
}


@on_postgresql("databases")
@pytest.mark.parametrize(("spoil", "message"), SPOILT.values(), ids=SPOILT)
def test_a_file_that_is_not_the_right_one_changes_nothing(
    app: Flask, rosa: Representative, spoil: Spoil, message: str
) -> None:
    company = strict_company(app, rosa)
    good = returned_file(company, rosa)
    bad = spoil(company, read_returned(good))
    before = everything_stored()
    with pytest.raises(Refused, match=message):
        take_back(company, bad)
    db.session.rollback()
    assert everything_stored() == before
    assert key_files.has_key(company.config.key_dir, company.wave.id)
    assert take_back(company, good) is WaveState.COUNTED


@on_postgresql("databases")
def test_a_file_counts_once_and_an_older_one_of_the_same_wave_is_as_good(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa)
    older, newer = returned_file(company, rosa), returned_file(company, rosa)
    assert take_back(company, older) is WaveState.COUNTED
    before = everything_stored()
    for content in (older, newer):
        with pytest.raises(Refused, match="is counted"):
            take_back(company, content)
    assert everything_stored() == before


@on_postgresql("databases")
def test_a_damaged_ballot_is_reported_as_unreadable_and_stops_nothing(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa)
    db.session.execute(
        text("UPDATE ballot SET sealed = :s WHERE id = (SELECT min(id) FROM ballot)"),
        {"s": bytes(8288)},
    )
    db.session.commit()
    take_back(company, returned_file(company, rosa))
    document = find_findings(company.wave.slug).document
    assert (document["answered"], document["unreadable"]) == (11, 1)


@on_postgresql("databases")
def test_ballots_that_differ_from_used_invitations_stop_the_count(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa)
    db.session.execute(text("DELETE FROM ballot WHERE id = (SELECT min(id) FROM ballot)"))
    db.session.commit()
    with pytest.raises(Refused, match="11 ballots but 12 used"):
        take_back(company, returned_file(company, rosa))
    assert number_of_ballots(company.wave.id) == 11


@on_postgresql("databases")
@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_kill_between_import_and_count_leaves_all_as_it_was_or_all_done(
    app: Flask, database_url: str, tmp_path: Path, rosa: Representative, moment: str
) -> None:
    company = strict_company(app, rosa)
    (tmp_path / "back").write_bytes(returned_file(company, rosa))
    before = everything_stored()
    db.session.remove()
    db.engine.dispose()
    job = {
        "settings": settings_of(database_url, tmp_path),
        "folder": str(tmp_path),
        "wave": company.wave.slug,
        "file": str(tmp_path / "back"),
        "moment": moment,
    }
    script = Path(__file__).with_name("importer.py")
    done = forking.run(script, typed=json.dumps(job))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert key_files.has_key(company.config.key_dir, company.wave.id)
    if moment == "before the commit":
        assert everything_stored() == before
        assert take_back(company, (tmp_path / "back").read_bytes()) is WaveState.COUNTED
    assert waves.find_wave(company.wave.slug).state is WaveState.COUNTED
    tick(company.config, company.wave.closes_at)
    assert waves_with_leftover_keys(company.config.key_dir) == ()
    assert not key_files.has_key(company.config.key_dir, company.wave.id)
    assert db.session.execute(text("SELECT count(*) FROM response")).scalar() == 12


@on_postgresql("databases")
@pytest.mark.parametrize("names", [("Rosa Marin",), ("Rosa Marin", "Piet Smit")])
def test_mail_form_and_promise_name_the_holders_instead_of_the_server_alone(
    app: Flask, tmp_path: Path, names: tuple[str, ...]
) -> None:
    people = [representative(name) for name in names]
    register(*people)
    company = open_today(app)
    one = "Rosa Marin, employee representative, holds one"
    both = "Rosa Marin and Piet Smit, employee representatives, hold one each (either will do)"
    held = both if len(names) > 1 else one
    seventh = (
        f"Two keys are needed to open the answers. {held}, so whoever runs the server cannot open"
        " them alone. What we cannot rule out: somebody who changes the program while you answer,"
        " or reads your mail and answers in your place; whoever keeps the staff list could add"
        " people who do not exist. If your address is changed while the survey is open, you are"
        " told at the old one."
    )
    letter = sent_letters(tmp_path / "mail")[0]
    client = browser(app)
    pages = [client.get(f"/s/{company.wave.slug}").text, client.get("/promise").text]
    flat = [" ".join(words.split()) for words in (letter.text, *pages)]
    assert all(seventh in words for words in flat)
    sixth = promise_on_form(PromiseTerms("", "", "", "northwind.example", ""))[-1]
    assert not any(sixth in words for words in flat)
    assert all(person.fingerprint in flat[2] for person in people)
    db.session.rollback()


@on_postgresql("databases")
def test_the_commands_lead_through_the_ceremony(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rosa: Representative,
) -> None:
    register(rosa)
    company = open_today(app)
    answer_all(company, company.codes[:12])
    candour = command_line(app, database_url, tmp_path, monkeypatch, capsys)
    slug = company.wave.slug
    assert "still takes answers" in candour("ceremony", "export", slug, tmp_path / "out").err
    closed = candour("waves", "close", slug, "--early", "flood")
    assert (closed.code, closed.out) == (
        0,
        f"{slug} is closed and waits for its representative: candour ceremony export {slug} FILE\n",
    )
    out = candour("ceremony", "export", slug, tmp_path / "out")
    content = (tmp_path / "out").read_bytes()
    assert (out.code, ceremony_files.file_hash(content) in out.out) == (0, True)
    bad = candour("ceremony", "import", slug, tmp_path / "out")
    assert (bad.code, "not the right file" in bad.err) == (1, True)
    (tmp_path / "back").write_bytes(rosa.opens(content, waves.find_wave(slug).closes_at))
    counted = candour("ceremony", "import", slug, tmp_path / "back")
    assert (counted.code, f"{slug} is counted: 12 of 58 answered" in counted.out) == (0, True)


@on_postgresql("databases")
def test_the_page_hands_over_takes_back_and_refuses_on_the_page(
    app: Flask, rosa: Representative
) -> None:
    company = strict_company(app, rosa, answers=20)
    mira, address = browser(app, "manager"), f"/waves/{company.wave.slug}/ceremony"
    sealed = mira.press(address, f"{address}/sealed", {})
    assert (sealed.status_code, "no-store" in sealed.headers["Cache-Control"]) == (200, True)
    assert (
        sealed.headers["Content-Disposition"] == f"attachment; filename={company.wave.slug}.sealed"
    )
    back = rosa.opens(sealed.data, company.wave.closes_at)
    assert len(back) > 100_000
    for bad in (sealed.data, back[:-1], b""):
        refused = mira.press(address, address, {"file": (BytesIO(bad), "x")})
        assert (
            refused.status_code,
            "The file was not taken" in refused.text,
            "20 sealed ballots" in refused.text,
        ) == (400, True, True)
    assert waves.find_wave(company.wave.slug).state is WaveState.CLOSED
    assert mira.press(address, address, {"file": (BytesIO(back), "x")}).status_code == 303
    assert waves.find_wave(company.wave.slug).state is WaveState.COUNTED
    assert "the wave is counted" in mira.get(address).text


def test_an_admin_registers_and_ends_a_key_on_the_page_which_explains_it(
    app: Flask, rosa: Representative
) -> None:
    admin, address = browser(app, "admin"), "/organisation/cokey"
    page = admin.get(address).text
    assert "Losing the key, or its passphrase, loses the wave." in page
    assert "register two representatives" in page
    refused = admin.press(address, address, {"name": "Rosa Marin", "public": "abc"})
    assert (
        refused.status_code,
        'value="Rosa Marin"' in refused.text,
        "not the public half" in refused.text,
    ) == (400, True, True)
    assert (
        admin.press(address, address, {"name": "Rosa Marin", "public": rosa.text}).status_code
        == 303
    )
    assert rosa.fingerprint in admin.get(address).text
    assert rosa.fingerprint in browser(app).get("/promise").text
    assert admin.press(address, f"{address}/end", {"name": "Rosa Marin"}).status_code == 303
    assert "ended, never used" in admin.get(address).text
    assert browser(app, "manager").get(address).status_code == 403
