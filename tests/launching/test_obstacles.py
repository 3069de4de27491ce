"""No wave opens on facts that nobody has confirmed, and all reasons are said at once."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.accounts import remove_user
from survey.database import transaction
from survey.findings.service.sharing import share_findings
from survey.kernel.clock import now
from survey.kernel.errors import Refused, SeveralRefusals
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import preview_wave
from survey.organisation.service import set_organisation
from survey.schedule import tick
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState
from tests.answering.today import everything_stored
from tests.cast import (
    READER,
    confirm_facts,
    counted_company,
    found_company,
    replace_staff_list,
    staff_csv,
)
from tests.outside import browser, command_line
from tests.proofs import on_postgresql

FACTS = ("Northwind Ltd", "Dana Reyes", "dana@northwind.example", "Head", "northwind.example")


def forget_facts() -> None:
    """As on an installation on which nobody has saved the facts."""
    with transaction() as session:
        session.execute(text("DELETE FROM organisation"))


def about_facts(wave: Wave) -> list[str]:
    """What the page before the launch warns of, but for groups that are counted together."""
    warnings = preview_wave(wave.slug).warnings
    return [warning for warning in warnings if "counted together" not in warning]


@on_postgresql("databases")
def test_no_wave_opens_before_somebody_confirms_the_facts(app: Flask) -> None:
    first = found_company()
    forget_facts()
    before = everything_stored()
    with pytest.raises(Refused, match="Nobody has confirmed") as refused:
        open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert refused.value.code == "facts-not-confirmed"
    assert everything_stored() == before
    lines = tick(app.config["CANDOUR"], first.opens_at, 0)
    assert any("Nobody has confirmed the facts" in line for line in lines)
    assert waves.find_wave(first.slug).state is WaveState.PLANNED
    confirm_facts()
    opened = open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert opened.state is WaveState.OPEN


@on_postgresql("databases")
def test_page_and_command_say_all_reasons_at_once_each_with_its_remedy(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = found_company()
    replace_staff_list(staff_csv({"Sales": 5}))
    forget_facts()
    waves.pause_survey("IT support", actor="test")
    with pytest.raises(SeveralRefusals) as refused:
        open_wave(first.slug, now(), None, actor="test")
    assert [cause.code for cause in refused.value.causes] == [
        "facts-not-confirmed",
        "too-few-invited",
        "no-key-folder",
        "survey-paused",
    ]
    page = browser(app, "manager").get(f"/waves/{first.slug}/open")
    assert page.status_code == 409
    assert 'href="/organisation">Confirm the facts</a>' in page.text
    assert "Only 5 people would be invited" in page.text
    candour = command_line(app, database_url, tmp_path, monkeypatch, capsys)
    said = candour("waves", "open", first.slug)
    assert (said.code, said.out) == (1, "")
    assert "Set them: candour organisation set NAME" in said.err
    assert "Only 5 people would be invited" in said.err


def test_a_wave_warns_where_the_provider_runs_mail_or_nobody_has_said(app: Flask) -> None:
    first = found_company()
    assert about_facts(first) == []
    set_organisation(*FACTS, several_zones=False, provider_runs_mail=True)
    (runs_it,) = about_facts(first)
    assert runs_it.startswith("Brightline IT runs your mail or network.")
    assert "never which comment" in runs_it
    forget_facts()
    set_organisation(*FACTS, several_zones=False, readers=[READER])
    (unanswered,) = about_facts(first)
    assert unanswered.startswith("Nobody has said whether Brightline IT runs your mail")
    shown = browser(app, "manager").get(f"/waves/{first.slug}/open").text
    assert "let somebody other than Brightline IT keep the logs" in shown


def test_a_wave_opens_with_a_role_alone_and_warns_that_nobody_can_read(app: Flask) -> None:
    first = found_company()
    forget_facts()
    set_organisation(*FACTS, several_zones=False, provider_runs_mail=False)
    (warning,) = about_facts(first)
    assert "nobody can read them until an administrator names" in warning
    opened = open_wave(first.slug, now(), app.config["CANDOUR"].key_dir, actor="test")
    assert opened.comment_readers == ()


def test_a_reader_who_may_not_read_any_more_is_named(app: Flask) -> None:
    first = found_company()
    remove_user(READER.email)
    with pytest.raises(Refused, match="Mira Vance cannot read comments any more") as refused:
        preview_wave(first.slug)
    assert refused.value.code == "reader-gone"


def test_findings_are_not_shared_on_facts_that_are_only_suggested(app: Flask) -> None:
    company = counted_company(app, 12)
    forget_facts()
    with pytest.raises(Refused, match="Nobody has confirmed the facts"):
        share_findings(company.wave.slug, [], now(), actor="test")
