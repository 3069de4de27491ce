"""Counting: once, whole, and nothing that leads back."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.counting.service import close_wave, void_wave, waves_with_leftover_keys
from survey.database import db
from survey.findings.service.documents import find_findings
from survey.invitations.service.invitations import number_answered
from survey.kernel.errors import Refused
from survey.responses.service.responses import comment_texts, number_of_ballots
from survey.vault.keys.service import key_files
from survey.waves import service as waves
from survey.waves.rules.waves import VoidReason, WaveState
from tests.cast import answer, answer_all, close_company, open_company
from tests.proofs import on_postgresql


def count(table: str) -> int:
    return int(db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)


@on_postgresql("databases")
def test_counting_keeps_responses_and_forgets_everything_that_leads_to_people(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:42], comment="canary ")
    closed = close_company(company)
    assert closed.state is WaveState.COUNTED
    assert (count("response"), count("comment"), count("ballot"), count("token")) == (42, 42, 0, 0)
    assert number_answered(closed.id) == 0
    assert not key_files.has_key(company.config.key_dir, closed.id)
    assert sorted(comment_texts(closed, "OPN1")) == sorted(f"canary {n}" for n in range(42))


@on_postgresql("databases")
def test_counting_again_changes_nothing(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:20])
    close_company(company)
    before = find_findings(company.wave.slug).digest
    close_company(company)
    assert find_findings(company.wave.slug).digest == before
    assert count("response") == 20


@on_postgresql("databases")
def test_fewer_than_five_answers_void_the_wave_unread(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:4], comment="canary ")
    closed = close_company(company)
    assert closed.state is WaveState.VOID
    assert (count("response"), count("comment"), count("ballot"), count("findings")) == (0, 0, 0, 0)
    assert not key_files.has_key(company.config.key_dir, closed.id)
    with pytest.raises(Refused, match="fewer than 5 people answered"):
        find_findings(closed.slug)


def test_a_wave_closes_neither_before_it_opens_nor_early_without_a_reason(app: Flask) -> None:
    company = open_company(app)
    planned = next(w for w in waves.list_waves("IT support") if w.state is WaveState.PLANNED)
    with pytest.raises(Refused, match="not open yet"):
        close_wave(planned.slug, planned.closes_at, company.config.key_dir, actor="test")
    early = company.wave.opens_at + timedelta(days=1)
    with pytest.raises(Refused, match="say why"):
        close_wave(company.wave.slug, early, company.config.key_dir, actor="test", early="  ")
    assert waves.find_wave(company.wave.slug).state is WaveState.OPEN


@on_postgresql("databases")
def test_an_early_close_prints_its_reason_and_its_real_date(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:12])
    early = company.wave.opens_at + timedelta(days=2)
    close_wave(
        company.wave.slug, early, company.config.key_dir, actor="test", early="office\nflooded"
    )
    wave = find_findings(company.wave.slug).document["wave"]
    assert (wave["closed_early"], wave["closed"]) == ("office flooded", "2027-01-13")


@on_postgresql("databases")
@pytest.mark.parametrize("fault", ["lost", "damaged", "another wave's"])
def test_a_lost_or_wrong_key_stops_the_count_and_loses_nothing(
    app: Flask, fault: str, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:8])
    path = tmp_path / "keys" / f"{company.wave.id}.key"
    good = path.read_bytes()
    path.unlink()
    if fault != "lost":
        path.write_bytes(good[:9] if fault == "damaged" else bytes(range(32)))
    with pytest.raises(Refused, match="Nothing was changed"):
        close_company(company)
    assert number_of_ballots(company.wave.id) == 8
    path.write_bytes(good)
    assert close_company(company).state is WaveState.COUNTED


@on_postgresql("databases")
def test_a_ballot_that_does_not_open_is_reported_and_stops_nothing(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:10])
    db.session.execute(
        text("UPDATE ballot SET sealed = :s WHERE id = (SELECT min(id) FROM ballot)"),
        {"s": bytes(8240)},
    )
    db.session.commit()
    close_company(company)
    document = find_findings(company.wave.slug).document
    assert (document["answered"], document["unreadable"]) == (9, 1)


def test_ballots_that_differ_from_used_invitations_stop_the_count(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:10])
    db.session.execute(text("DELETE FROM ballot WHERE id = (SELECT min(id) FROM ballot)"))
    db.session.commit()
    with pytest.raises(Refused, match="9 ballots but 10 used"):
        close_company(company)
    assert number_of_ballots(company.wave.id) == 9


@on_postgresql("databases")
def test_groups_with_few_answers_are_counted_together(app: Flask) -> None:
    company = open_company(app)
    sizes = {group.name: group.invited for group in company.wave.groups}
    answer_all(company, company.codes)
    close_company(company)
    shown = [
        group for group in find_findings(company.wave.slug).document["groups"] if group["shown"]
    ]
    assert {group["name"]: group["invited"] for group in shown} == sizes
    assert sum(group["answered"] for group in shown) == 58


@on_postgresql("databases")
def test_what_a_crash_left_behind_is_finished_by_the_next_pass(app: Flask, tmp_path: Path) -> None:
    company = open_company(app)
    path = tmp_path / "keys" / f"{company.wave.id}.key"
    good = path.read_bytes()
    answer_all(company, company.codes[:6])
    closed = close_company(company)
    path.write_bytes(good)  # as if the process had died after the commit
    assert [wave.slug for wave in waves_with_leftover_keys(company.config.key_dir)] == [closed.slug]
    close_company(company)
    assert not path.exists()


def test_a_wave_can_be_given_up_and_its_answers_are_never_read(app: Flask) -> None:
    company = open_company(app)
    answer(company, company.codes[0], {"OVR1": "4"})
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong staff list", actor="test")
    assert (count("ballot"), count("response"), count("token")) == (0, 0, 0)
    wave = waves.find_wave(company.wave.slug)
    assert (wave.void_reason, wave.void_words) == (VoidReason.GIVEN_UP, "wrong staff list")
