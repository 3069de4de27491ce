"""What the commands that plan, open and watch print, for people and for programs."""

import json
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask

from survey.console import commands as console
from survey.counting import commands as counting
from survey.kernel.errors import Refused
from survey.launching import commands as launching
from survey.waves.commands import surveys_group, targets_group, waves_group
from tests.answering.today import open_today
from tests.cast import OPENS, answer_all, found_company
from tests.ports import free_port
from tests.proofs import on_postgresql

ADD = [
    "add",
    "Desk",
    "--provider",
    "Brightline IT",
    "--opens",
    "2027-02-01T09:00",
    "--timezone",
    "Europe/London",
]
# Importing these modules adds their commands to the groups.
assert console.status
assert counting.close
assert launching.open_


def run(group: click.Group, *words: str) -> Result:
    options = {"help_option_names": ["-h", "--help"]}
    return CliRunner().invoke(group, list(words), catch_exceptions=False, **options)


@on_postgresql("databases")
def test_a_survey_is_added_with_its_first_wave_and_listed(app: Flask) -> None:
    found_company()
    added = run(surveys_group, *ADD)
    assert (
        added.output
        == "Desk added. First wave: desk-2027-q1  planned  2027-02-01 09:00 to 2027-02-15 17:00  0"
        " invited\n"
    )
    listed = json.loads(run(surveys_group, "list", "--json").output)["surveys"]
    assert {
        "slug": "desk",
        "name": "Desk",
        "cadence": "quarterly",
        "audience": "all",
        "state": "active",
        "reminders": 1,
    } in listed
    assert "Desk: quarterly, quarterly_8, all, active" in run(surveys_group, "list").output


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--timezone", "Mars/X"), "is not a time zone"), (("--days", "0"), "1 to 92")],
)
def test_a_survey_that_cannot_be_is_refused(app: Flask, words: tuple[str, ...], says: str) -> None:
    found_company()
    with pytest.raises(Refused, match=says):
        run(surveys_group, *ADD, *words)


def test_waves_are_listed_oldest_first_with_instants(app: Flask) -> None:
    found_company()
    run(
        waves_group,
        "plan",
        "IT support",
        "--opens",
        "2026-12-01T09:00",
        "--closes",
        "2026-12-04T12:00",
    )
    [first, second, _] = json.loads(run(waves_group, "list", "--json").output)["waves"]
    assert first == {
        "slug": "it-support-2026-12-01",
        "survey": "IT support",
        "state": "planned",
        "opens": "2026-12-01T09:00:00+00:00",
        "closes": "2026-12-04T12:00:00+00:00",
        "invited": 0,
    }
    assert second["slug"] == "it-support-2027-q1"
    assert second["opens"] == f"{OPENS:%Y-%m-%dT%H:%M}:00+00:00"


def test_targets_are_set_and_listed(app: Flask) -> None:
    found_company()
    assert (
        "target 80%"
        in run(
            targets_group, "set", "IT support", "RES1", "--target", "0.8", "--minimum", "0.7"
        ).output
    )
    listed = json.loads(run(targets_group, "list", "IT support", "--json").output)["targets"]
    assert listed["RES1"] == {"target": 0.8, "minimum": 0.7, "stretch": None}
    assert run(targets_group, "list", "IT support").output == "OVR1: 70%\nRES1: 80%\n"


def test_opening_prints_what_to_know_and_the_groups(app: Flask) -> None:
    first = found_company({"Sales": 12, "Legal": 3})
    opened = run(waves_group, "open", first.slug)
    assert "Note: Legal and Sales are counted together (15 people)" in opened.stderr
    assert "15 invitations are queued." in opened.stdout
    assert "  Legal and Sales: 15 invited\n" in opened.stdout
    assert "now closes on" in run(waves_group, "extend", first.slug, "--days", "2").output


@on_postgresql("databases")
def test_status_tells_counts_in_fives_and_letters_and_nobodys_name(app: Flask) -> None:
    company = open_today(app)
    answer_all(company, company.codes[:9])
    plain = run(waves_group, "status", company.wave.slug).output
    assert "Answers so far: at least 5 of 58" in plain
    assert "invitation: waiting 58, sent 0, failed 0, bounced 0\n" in plain
    status = json.loads(run(waves_group, "status", company.wave.slug, "--json").output)
    assert (status["state"], status["answered_at_least"], status["invited"]) == ("open", 5, 58)
    assert status["groups"] == {group.name: group.invited for group in company.wave.groups}
    assert status["mail"] == {"invitation": {"waiting": 58, "sent": 0, "failed": 0, "bounced": 0}}
    voided = run(waves_group, "void", company.wave.slug, "--reason", "wrong list")
    assert voided.output == f"{company.wave.slug} is void: wrong list.\n"
    assert (
        json.loads(run(waves_group, "status", company.wave.slug, "--json").output)[
            "answered_at_least"
        ]
        is None
    )


def test_what_is_wrong_with_mail_is_noted_and_the_wave_opens(app: Flask) -> None:
    first = found_company()
    app.config["CANDOUR"] = replace(
        app.config["CANDOUR"], mail_url=f"smtp://127.0.0.1:{free_port()}"
    )
    done = run(waves_group, "open", first.slug)
    assert "Note: 127.0.0.1:" in done.stderr
    assert "does not take connections. Your administrator can look into this." in done.stderr
    assert "58 invitations are queued" in done.stdout
