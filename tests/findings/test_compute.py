"""What a counted wave's document shows and hides, and how it is sealed."""

import hashlib
import json
from typing import Any

import pytest
from flask import Flask

from survey.findings.document.rules.compute import FROM_TEN, HIDDEN
from survey.findings.service.documents import find_findings
from tests.cast import SCALES, answer, close_company, open_company
from tests.findings.company import MERGED, small_company
from tests.proofs import on_postgresql

Document = dict[str, Any]


def measure(document: Document, question: str, statistic: str, group: str | None) -> dict[str, Any]:
    key = (question, statistic, group)
    (matching,) = [
        m for m in document["measures"] if (m["question"], m["statistic"], m["group"]) == key
    ]
    return dict(matching)


def all_alike(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """What several groups' cells hold, byte for byte the same but for the group's name."""
    (rest,) = {
        json.dumps({key: value for key, value in cell.items() if key != "group"}) for cell in cells
    }
    return dict(json.loads(rest))


@pytest.fixture
def document(app: Flask) -> Document:
    return find_findings(small_company(app).wave.slug).document


def test_a_small_cell_and_the_one_hidden_for_its_sake_are_byte_for_byte_alike(
    document: Document,
) -> None:
    cells = [measure(document, "RES1", "top2", group) for group in ("Finance", MERGED)]
    assert all_alike(cells) == {
        "question": "RES1",
        "statistic": "top2",
        "shown": False,
        "words": HIDDEN,
    }
    assert measure(document, "RES1", "top2", "Service")["shown"]


def test_what_is_not_shown_holds_words_and_no_number_of_any_kind(document: Document) -> None:
    lost = document["lost_time"]
    hidden = [
        m
        for m in [
            *document["measures"],
            *document["distributions"],
            *document["groups"],
            *lost.values(),
        ]
        if _is_hidden(m)
    ]
    assert {m.get("group", m.get("name")) for m in hidden} >= {
        None,
        "Finance",
        MERGED,
        "Legal",
        "Board",
    }
    for cell in hidden:
        assert cell["words"]
        assert {
            name for name in cell if name not in {"question", "statistic", "group", "name", "words"}
        } <= {"shown", "answered"}
        assert cell.get("answered") is None


def _is_hidden(part: object) -> bool:
    return isinstance(part, dict) and part["shown"] is False


def test_a_share_needs_five_answers_and_a_mean_ten(document: Document) -> None:
    assert measure(document, "OVR1", "top2", "Finance")["answers"] == 7
    groups = (None, "Sales", "Finance", MERGED)
    words = [measure(document, "OVR1", "mean", group).get("words") for group in groups]
    assert words == [None, None, FROM_TEN, FROM_TEN]
    assert {
        measure(document, "RSP1", "top2", group)["words"] for group in (None, "Sales", "Finance")
    } == {HIDDEN}
    assert {d["question"]: d["shown"] for d in document["distributions"]}.items() >= {
        "RSP1": False,
        "OVR1": True,
    }.items()


def test_unanimous_answers_read_like_the_mixed_case(document: Document) -> None:
    cells = [measure(document, "COM1", "mean", group) for group in ("Sales", "Service")]
    assert all_alike(cells) == {
        "question": "COM1",
        "statistic": "mean",
        "shown": False,
        "words": "all 4 or 5",
    }


def test_a_group_that_was_counted_with_another_stands_by_name_alone(document: Document) -> None:
    shown = {
        group["name"]: (group["invited"], group["answered"])
        for group in document["groups"]
        if group["shown"]
    }
    assert shown == {"Sales": (14, 12), "Service": (12, 11), "Finance": (9, 7), MERGED: (16, 8)}
    assert [group["name"] for group in document["groups"] if not group["shown"]] == [
        "Board",
        "Legal",
    ]
    assert not {m["group"] for m in document["measures"]} & {"Board", "Legal"}


def test_those_who_opted_out_leave_the_population_and_the_silent_stay(document: Document) -> None:
    company = measure(document, "RES1", "top2", None)
    assert (company["answers"], company["population"]) == (34, 51 - 4)
    assert measure(document, "RSP1", "top2", None) == {
        "question": "RSP1", "statistic": "top2", "group": None, "shown": False, "words": HIDDEN,
    }  # fmt: skip


def test_the_digest_follows_from_the_printed_json_by_the_published_rule(document: Document) -> None:
    printed = json.loads(json.dumps(document, indent=1))
    claimed = printed.pop("digest")
    del printed["wave"]["state"]
    plain = json.dumps(printed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert claimed == "sha256:" + hashlib.sha256(plain).hexdigest()


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("score", "headline"),
    [("5", "The measure meets target"), ("1", "The measure misses target")],
    ids=["all satisfied", "nobody"],
)
def test_the_headline_says_what_the_verdict_says(app: Flask, score: str, headline: str) -> None:
    company = open_company(app)
    for code in company.codes[:45]:
        answer(company, code, dict.fromkeys(SCALES[:3], score))
    document = find_findings(close_company(company).slug).document
    assert (document["headline"], measure(document, "OVR1", "top2", None)["verdict"]) == (
        headline,
        headline.split()[2],
    )
