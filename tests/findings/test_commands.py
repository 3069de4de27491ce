"""Findings on the command line: shown as text, JSON and CSV, previewed, shared."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from survey.database import db, transaction
from survey.findings.commands import findings_group
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.service.documents import find_findings
from survey.findings.words.rules.staff_list import staff_list_in_words
from survey.kernel.errors import Refused
from survey.kernel.hints import words_for_command
from survey.mail import service as mail
from survey.providers.service import remove_contact
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.cast import answer_all, decide, open_company, under_review
from tests.findings.company import CANARY, MERGED, small_company
from tests.proofs import on_postgresql


def run(*words: str) -> str:
    """What the command prints; a refusal passes through."""
    done = CliRunner().invoke(
        findings_group, words, catch_exceptions=False, help_option_names=["-h", "--help"]
    )
    assert done.exit_code == 0, done.output
    return done.output


def queued() -> dict[str, int]:
    return mail.delivery_status(None).counts("findings")


@pytest.fixture
def slug(app: Flask) -> str:
    return small_company(app).wave.slug


def test_show_prints_the_headline_and_each_company_measure_with_its_range(slug: str) -> None:
    document = find_findings(slug).document
    output = run("show", slug)
    assert output.splitlines()[:2] == [f"{document['headline']}.", "38 of 51 answered (75%)."]
    assert output.splitlines()[2] == staff_list_in_words(document)
    assert output.count("\n") == 3 + len([m for m in document["measures"] if m["group"] is None])
    overall = next(
        m
        for m in document["measures"]
        if (m["question"], m["statistic"], m["group"]) == ("OVR1", "top2", None)
    )
    assert (
        f"{overall['estimate']:.4f} ({overall['low']:.4f} to {overall['high']:.4f}), 38 answers,"
        " target 70%" in output
    )
    assert "RSP1         top2   Hidden: too few answers to show safely" in output
    assert (MERGED in output, CANARY in output) == (False, False)


@on_postgresql("databases")
def test_json_is_one_document_and_the_same_under_the_name_latest(slug: str) -> None:
    assert (
        json.loads(run("show", "latest", "--json"))
        == json.loads(run("show", slug, "--json"))
        == find_findings(slug).document
    )


@on_postgresql("databases")
def test_csv_is_written_byte_for_byte_as_the_page_gives_it(slug: str, tmp_path: Path) -> None:
    run("show", slug, "--csv", str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_bytes() == as_csv(find_findings(slug)).encode()


def test_a_csv_that_cannot_be_written_is_refused_with_what_to_do(slug: str, tmp_path: Path) -> None:
    with pytest.raises(
        Refused,
        match=r"out\.csv cannot be written: No such file or directory\. Choose another place\.",
    ):
        run("show", slug, "--csv", str(tmp_path / "missing" / "out.csv"))


def test_a_dry_run_prints_the_mail_and_changes_nothing(slug: str) -> None:
    output = run("share", slug, "--to", "provider", "--dry-run")
    head, _, body = output.partition("\n\n")
    assert head.splitlines()[0] == "To: Otto Lindqvist <otto@brightline.example>"
    assert head.splitlines()[1].startswith("Subject: Northwind Ltd staff survey, Q1 2027: ")
    assert "WHAT WE ASK OF YOU, BY " in body
    assert (queued(), waves.find_wave(slug).state) == ({}, WaveState.COUNTED)
    assert db.session.execute(text("SELECT count(*) FROM sharing")).scalar_one() == 0


def test_sharing_says_to_whom_and_a_second_time_that_nothing_is_sent(slug: str) -> None:
    assert (
        run("share", slug, "--to", "provider")
        == "Shared with 1 at Brightline IT: otto@brightline.example. The mail leaves with the next"
        " tick.\n"
    )
    assert (
        run("share", slug, "--to", "provider")
        == "Everybody at Brightline IT was sent this version before; nothing is sent twice.\n"
    )
    assert queued() == {"ready": 1}
    assert json.loads(run("show", slug, "--json"))["wave"]["state"] == "shared"


@on_postgresql("databases")
def test_comments_and_groups_go_only_when_asked_for_and_the_dry_run_shows_exactly_that(
    slug: str,
) -> None:
    with pytest.raises(
        Refused, match=r"each released by who reads them\. Review them, or share without"
    ):
        run("share", slug, "--to", "provider", "--with-comments", "--dry-run")
    decide(
        slug,
        under_review(slug).questions[0].comments[0].id,
        "release",
        actor="test",
    )
    along = ("--with-comments", "--with-groups")
    for chosen, expected in (
        ((), (0, 0)),
        (along[:1], (1, 0)),
        (along[1:], (0, 1)),
        (along, (1, 1)),
    ):
        output = run("share", slug, "--to", "provider", *chosen, "--dry-run")
        assert (output.count(CANARY), output.count("BY REPORTING GROUP")) == expected
    assert db.session.execute(text("SELECT count(*) FROM sharing")).scalar_one() == 0
    run("share", slug, "--to", "provider", *along)
    (sharing,) = db.session.execute(text("SELECT comments, groups FROM sharing")).all()
    assert (str(sharing.comments).count(CANARY), bool(sharing.groups)) == (1, True)


@on_postgresql("databases")
def test_a_dry_run_of_a_mail_that_is_too_long_says_so(slug: str) -> None:
    with transaction() as session:
        session.execute(text("UPDATE comment SET state = 'released', text = :t"), {"t": "x" * 1000})
    size = r"The mail would have \d+ kB"
    for more in (("--dry-run",), ()):
        with pytest.raises(Refused, match=size):
            run("share", slug, "--to", "provider", "--with-comments", *more)


@on_postgresql("databases")
def test_a_provider_without_a_contact_is_refused_with_the_command_that_adds_one(slug: str) -> None:
    remove_contact("Brightline IT", "otto@brightline.example")
    with pytest.raises(Refused, match="has no contact yet") as refused:
        run("share", slug, "--to", "provider")
    assert 'Add one: candour providers add "Brightline IT" --contact' in words_for_command(
        refused.value
    )


SHOW: list[Callable[[str], tuple[str, ...]]] = [
    lambda slug: ("show", slug),
    lambda slug: ("show", slug, "--json"),
    lambda slug: ("share", slug, "--to", "provider"),
    lambda slug: ("share", slug, "--to", "provider", "--dry-run"),
]


@on_postgresql("databases")
@pytest.mark.parametrize("words", SHOW, ids=["show", "json", "share", "dry run"])
def test_before_the_count_every_command_says_when_scores_come(
    app: Flask, words: Callable[[str], tuple[str, ...]]
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:20])
    with pytest.raises(Refused, match="appear once it has closed"):
        run(*words(company.wave.slug))
    assert (queued(), waves.find_wave(company.wave.slug).state) == ({}, WaveState.OPEN)


def test_an_unknown_wave_is_refused_with_where_to_look(app: Flask) -> None:
    with pytest.raises(Refused, match="There is no wave 'nope'"):
        run("show", "nope", "--json")
    with pytest.raises(Refused, match="No wave has been counted yet"):
        run("show", "latest")
