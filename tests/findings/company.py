"""A counted company with everything that must be hidden.

That is a small cell, a merged group, unanimous answers and a question that nobody answered.
"""

from collections import defaultdict
from dataclasses import replace

from flask import Flask

from survey.database import db, transaction
from survey.invitations.service.invitations import invitations_of
from tests.cast import Company, answer, close_company, open_company
from tests.kept import kept

DEPARTMENTS = {"Sales": 14, "Service": 12, "Finance": 9, "Legal": 8, "Board": 8}
MERGED = "Board and Legal"
CANARY = "canarycomment"
# One character per respondent: a score, x for an opt-out, - for a blank.
ANSWERS = {
    "OVR1": {
        "Sales": "554443332541",
        "Service": "55444332214",
        "Finance": "5443321",
        "Legal": "554321",
        "Board": "42",
    },
    "RES1": {
        "Sales": "443325511442",
        "Service": "55443322113",
        "Finance": "512xxxx",
        "Legal": "443321",
        "Board": "54",
    },
    "COM1": {
        "Sales": "444444555555",
        "Service": "44444444444",
        "Finance": "1234512",
        "Legal": "123455",
        "Board": "33",
    },
    "RSP1": {
        "Sales": "4321--------",
        "Service": "-" * 11,
        "Finance": "-" * 7,
        "Legal": "-" * 6,
        "Board": "--",
    },
    "EFF2": {
        "Sales": "112345123451",
        "Service": "11223344551",
        "Finance": "1234512",
        "Legal": "123455",
        "Board": "23",
    },
}
# The same answers of the hidden cells together, dealt out among them in another way.
SWAPPED = {"RES1": ANSWERS["RES1"] | {"Finance": "4433xxx", "Legal": "51221x"}}


def small_company(app: Flask, *, swapped: bool = False) -> Company:
    """51 invited, 38 answered; Board's two answers are counted with Legal's.

    Three answers of Finance to RES1 are hidden.
    """
    if swapped:
        return new_small_company(app, swapped=True)
    return replace(kept(app, "small", lambda: new_small_company(app)), config=app.config["CANDOUR"])


def new_small_company(app: Flask, *, swapped: bool = False) -> Company:
    """The same, made now: for whoever has replaced something of the product before."""
    company = open_company(app, DEPARTMENTS)
    codes = defaultdict(list)
    for (invitation, _), code in zip(invitations_of(company.wave.id), company.codes, strict=True):
        codes[invitation.group].append(code)
    script = ANSWERS | (SWAPPED if swapped else {})
    for department, given in ANSWERS["OVR1"].items():
        for place in range(len(given)):
            scores = {question: groups[department][place] for question, groups in script.items()}
            sent = {
                question: score.replace("x", "")
                for question, score in scores.items()
                if score != "-"
            }
            assert (
                answer(
                    company, codes[department][place], sent | {"OPN1": f"{CANARY}{place}"}
                ).outcome.value
                == "sent"
            )
    return Company(close_company(company), company.codes, company.config)


def emptied() -> None:
    """Leaves the database without a row."""
    with transaction() as session:
        for table in reversed(db.metadata.sorted_tables):
            session.execute(table.delete())
