"""A17: where all answer alike, what is published reads as if they did not quite: nobody's answer is
known from everybody's.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask import Flask

from survey.findings.document.rules import compute
from survey.findings.document.rules.compute import canonical_json
from survey.findings.service.documents import find_findings
from survey.findings.words.rules.wording import MOST_OR_ALL, ONE_OR_NONE
from survey.invitations.service.invitations import invitations_of
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import question_bank, save_questionnaire
from tests.attacks.world import patched
from tests.cast import answer, close_company, open_company
from tests.findings.company import emptied
from tests.outside import browser

WHAT = "Learning what one person answered from results in which everybody answered alike."

# Everybody of each department answers, one character a person: the response rate of every cell is
# 100 %.
DEPARTMENTS = {"Sales": 12, "Service": 11, "Finance": 9}
SPREAD = {"Sales": "123451234512", "Service": "55443322115", "Finance": "123451234"}
YES = {"Sales": "121212121212", "Service": "11111222222"}
UNANIMOUS = {
    "OVR1": {name: "5" * size for name, size in DEPARTMENTS.items()},
    "COM1": {name: "4" * size for name, size in DEPARTMENTS.items()},
    "RES1": {name: "1" * size for name, size in DEPARTMENTS.items()},
    "REL1": SPREAD | {"Finance": "5" * 9},
    "SEC1": SPREAD,
}
NEARLY = UNANIMOUS | {
    "OVR1": {"Sales": "455555555555", "Service": "45454545454", "Finance": "444444445"},
    "COM1": {"Sales": "444444444445", "Service": "55555555554", "Finance": "444545454"},
    "RES1": {"Sales": "111111111112", "Service": "22222222222", "Finance": "121212121"},
}
BANDS = {"OVR1": "all 4 or 5", "COM1": "all 4 or 5", "RES1": "all 1 or 2"}


def published(
    app: Flask, script: Mapping[str, Mapping[str, str]], yes: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The findings of a company that answers by this script and says so many yes in its smallest
    group; as document, and as shown.
    """
    emptied()
    known = question_bank()
    save_questionnaire(
        Questionnaire.of(
            slug="quarterly_8",
            title="IT",
            language="en",
            preamble="",
            questions=[known[name] for name in (*script, "REQ2")],
        )
    )
    company, codes = open_company(app, DEPARTMENTS), defaultdict(list)
    for (invitation, _), code in zip(invitations_of(company.wave.id), company.codes, strict=True):
        codes[invitation.group].append(code)
    for department, size in DEPARTMENTS.items():
        for place in range(size):
            sent = {
                question: groups[department][place]
                for question, groups in (script | {"REQ2": YES | {"Finance": yes}}).items()
            }
            assert answer(company, codes[department][place], sent).outcome.value == "sent"
    document = find_findings(close_company(company).slug).document
    client = browser(app, "viewer")
    shown = {
        kind: client.get(address).text for kind, address in _addresses(company.wave.slug).items()
    }
    return document, {
        "document": canonical_json(
            {name: part for name, part in document.items() if name not in {"audit", "digest"}}
        ),
        **{kind: re.sub(r'name="csrf_token"[^>]*', "", page) for kind, page in shown.items()},
    }


def _addresses(slug: str) -> dict[str, str]:
    return {"page": f"/waves/{slug}", "csv": f"/findings/{slug}.csv"}


def told_apart(app: Flask) -> list[str]:
    """Where a company that answers unanimously is published otherwise than one in which some differ
    by a point.
    """
    _, unanimous = published(app, UNANIMOUS, "111222112")
    _, nearly = published(app, NEARLY, "111222112")
    return [kind for kind in unanimous if unanimous[kind] != nearly[kind]]


def test_a_unanimous_company_is_published_like_one_in_which_some_differ(app: Flask) -> None:
    assert told_apart(app) == []


def test_no_mean_and_no_distribution_stands_where_all_answered_alike(app: Flask) -> None:
    document, shown = published(app, UNANIMOUS, "2" * 9)
    assert {group["answered"] for group in document["groups"]} == set(DEPARTMENTS.values()), (
        "everybody has answered"
    )
    for question, words in BANDS.items():
        means = [
            m for m in document["measures"] if (m["question"], m["statistic"]) == (question, "mean")
        ]
        (distribution,) = [d for d in document["distributions"] if d["question"] == question]
        assert [m for m in means if m["shown"]] == []
        assert {m["words"] for m in means if m["group"] in {None, "Sales"}} == {words}
        assert distribution == {"question": question, "group": None, "shown": False, "words": words}
        numbered = {"estimate", "low", "high", "counts", "process"}
        assert not any(
            numbered & set(json.loads(json.dumps(part))) for part in [*means, distribution]
        )
        assert words in shown["page"]
    shares = {
        m["group"]: m
        for m in document["measures"]
        if (m["question"], m["statistic"]) == ("REQ2", "share")
    }
    assert shares["Finance"] == {
        "question": "REQ2",
        "statistic": "share",
        "group": "Finance",
        "shown": False,
        "words": MOST_OR_ALL,
    } | {key: value for key, value in shares["Finance"].items() if key == "against_rest"}


@pytest.mark.parametrize(
    ("yes", "words"),
    [("1" * 9, ONE_OR_NONE), ("1" * 8 + "2", ONE_OR_NONE), ("2" * 8 + "1", MOST_OR_ALL)],
)
def test_all_but_one_reads_like_all(app: Flask, yes: str, words: str) -> None:
    document, _ = published(app, UNANIMOUS, yes)
    share = next(
        m for m in document["measures"] if (m["question"], m["group"]) == ("REQ2", "Finance")
    )
    assert (share["shown"], share["words"]) == (False, words)


@contextmanager
def plain_histogram(app: Flask) -> Iterator[None]:
    """Answers that all lie on two points are published like any others."""
    with patched(compute, "neighbouring_band", lambda *_: None):
        yield


@contextmanager
def exact_band(app: Flask) -> Iterator[None]:
    """A unanimous answer is named as what it is."""
    real = compute.neighbouring_band

    def band(counts: Any, first: int) -> str | None:
        used = [first + at for at, count in enumerate(counts) if count]
        return f"all {used[0]}" if len(used) == 1 else real(counts, first)

    with patched(compute, "neighbouring_band", band):
        yield


FAULTS: dict[str, Callable[[Flask], AbstractContextManager[None]]] = {
    "plain histogram": plain_histogram,
    "exact band": exact_band,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_unanimity_that_shows_is_caught(app: Flask, fault: str) -> None:
    with FAULTS[fault](app):
        assert "document" in told_apart(app)
