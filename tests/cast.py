"""The standing cast and its company, built through the product's own services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from flask import Flask

from survey.access.rules.accounts import UserId
from survey.access.service.accounts import add_user, list_users
from survey.answering.service import Submission, submit_answers
from survey.config import Config
from survey.counting.service import close_wave
from survey.findings.comments.service import (
    CommentReview,
    comments_under_review,
    decide_on_comment,
)
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of, store_code
from survey.launching.service.opening import open_wave
from survey.organisation.rules.organisation import CommentReader
from survey.organisation.service import set_organisation
from survey.people.rules.staff_list import read_staff_list
from survey.people.service.directory import ImportResult, import_people, preview_import
from survey.providers.service import add_provider
from survey.responses.rules import CommentId
from survey.responses.service.comments import Comment
from survey.waves import service as waves
from survey.waves.rules.waves import Target, Wave

READER = CommentReader("Mira Vance", "manager@northwind.example")
DEPARTMENTS = {
    "Sales": 14,
    "Service": 12,
    "Warehouse": 11,
    "Finance": 8,
    "Production": 8,
    "Legal": 5,
}
OPENS = datetime(2027, 1, 11, 9, 0)  # noqa: DTZ001 - a wall-clock time
SCALES = ("OVR1", "RSP1", "RES1", "COM1", "REL1", "SEC1", "EFF2")


@dataclass(frozen=True, slots=True)
class Company:
    """Northwind with its survey and, once opened, a code per person."""

    wave: Wave
    codes: tuple[str, ...]
    config: Config


def replace_staff_list(content: bytes) -> ImportResult:
    """Imports a staff list and removes whom it lacks, by repeating their number."""
    missing = preview_import(read_staff_list(content)).missing
    return import_people(content, remove_missing=True, repeated=len(missing))


def staff_csv(departments: Mapping[str, int] = DEPARTMENTS) -> bytes:
    """A staff list: Ada is the first, then colleagues by number."""
    rows, number = ["email,name,department"], 0
    for department, size in departments.items():
        for _ in range(size):
            number += 1
            name = "Ada Berg" if number == 1 else f"Colleague {number}"
            rows.append(
                f"{'ada' if number == 1 else f'c{number}'}@northwind.example,{name},{department}"
            )
    return "\n".join(rows).encode()


def confirm_facts(mail_domains: Sequence[str] | None = None) -> None:
    """Saves the facts about Northwind; the account of every test's manager reads the comments.

    `mail_domains` are its own, else that of its contact.
    """
    add_user(READER.email, "manager", actor="test")
    set_organisation(
        "Northwind Ltd",
        "Dana Reyes",
        "dana@northwind.example",
        "Head of operations",
        "northwind.example",
        several_zones=False,
        provider_runs_mail=False,
        readers=[READER],
        mail_domains=mail_domains,
    )


def reader_account() -> UserId:
    """The account that may read the comments of every test's company."""
    (account,) = [each.id for each in list_users() if each.email == READER.email]
    return account


def under_review(slug: str) -> CommentReview:
    """The comments of a wave, as its reader sees them."""
    return comments_under_review(slug, reader_account())


def decide(
    slug: str,
    comment_id: CommentId,
    decision: str,
    *,
    offered: str | None = None,
    actor: str = "mira",
) -> Comment:
    """The reader of comments decides about one."""
    return decide_on_comment(
        slug, comment_id, decision, account=reader_account(), offered=offered, actor=actor
    )


def found_company(
    departments: Mapping[str, int] = DEPARTMENTS, targets: Mapping[str, float] | None = None
) -> Wave:
    """Northwind, its provider Brightline with Otto, and a planned first wave.

    Beside them another provider with a survey.
    """
    confirm_facts()
    import_people(staff_csv(departments))
    add_provider("Brightline IT", [("Otto Lindqvist", "otto@brightline.example")])
    add_provider("Other Provider", [("Olga", "olga@other.example")])
    waves.store_survey(
        waves.SurveyPlan(
            "Noise",
            "Other Provider",
            "monthly_3",
            "monthly",
            OPENS + timedelta(days=200),
            14,
            "UTC",
            "all",
        )
    )
    plan = waves.SurveyPlan(
        "IT support", "Brightline IT", "quarterly_8", "quarterly", OPENS, 14, "Europe/London", "all"
    )
    _, first = waves.store_survey(plan)
    for question, target in (targets or {"OVR1": 0.7}).items():
        waves.set_target("IT support", question, Target(target))
    return first


def open_company(app: Flask, departments: Mapping[str, int] = DEPARTMENTS) -> Company:
    """The first wave, open, with a code for everybody in the order of their addresses."""
    config = app.config["CANDOUR"]
    first = found_company(departments)
    item = open_wave(first.slug, first.opens_at, config.key_dir, actor="test")
    codes = []
    for invitation, _ in invitations_of(item.id):
        code = draw_code()
        store_code(invitation.id, code)
        codes.append(code)
    return Company(item, tuple(codes), config)


def form(code: str, answers: Mapping[str, str]) -> dict[str, list[str]]:
    """A posted form."""
    return {"token": [code], **{name: [value] for name, value in answers.items()}}


def answer(company: Company, code: str, answers: Mapping[str, str]) -> Submission:
    """One person answers a day after the opening."""
    return submit_answers(
        company.wave, form(code, answers), company.wave.opens_at + timedelta(days=1)
    )


def answer_all(company: Company, codes: Sequence[str], seed: int = 1, comment: str = "") -> None:
    """These people answer everything, each a little differently; a comment is numbered."""
    source = Random(seed)
    for number, code in enumerate(codes):
        answers = {name: str(source.choice([1, 2, 3, 4, 4, 5, 5])) for name in SCALES}
        if comment:
            answers["OPN1"] = f"{comment}{number}"
        assert answer(company, code, answers).outcome.value == "sent"


def close_company(company: Company) -> Wave:
    """The wave after its closing time, counted."""
    return close_wave(
        company.wave.slug, company.wave.closes_at, company.config.key_dir, actor="test"
    )


def counted_company(app: Flask, answers: int = 42) -> Company:
    """A counted wave."""
    company = open_company(app)
    answer_all(company, company.codes[:answers])
    return Company(close_company(company), company.codes, company.config)


def files_under(*folders: Path) -> list[Path]:
    """Every file the product wrote below these folders."""
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def asked(company: Company) -> list[str]:
    """The ids of the questions that the wave froze."""
    return [question.id for question in waves.questions_of(company.wave).questions]
