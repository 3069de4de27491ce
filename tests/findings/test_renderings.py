"""Page, mail, CSV and JSON render one document.

What it says they say, and nothing is computed again or claimed beyond it.
"""

import copy
import csv
import io
import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from flask import Flask, current_app, render_template
from hypothesis import given, settings
from hypothesis import strategies as st

from survey.charts import drawings
from survey.database import transaction
from survey.findings.document.rules.compute import canonical_json, compute_document
from survey.findings.document.rules.evidence import Evidence
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.letters import findings_letter
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import preview_sharing, sharing_recipients
from survey.findings.tables import FindingsRow
from survey.findings.words.rules.presentation import present_document
from survey.kernel.clock import now
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from tests.cast import counted_company
from tests.findings.many_waves import asked, earlier
from tests.findings.test_presentation import EXAMPLE, five, mail, questions, wave
from tests.outside import browser
from tests.proofs import examples, on_postgresql

CLAIM = re.compile(
    r"\b(better|worse|improv\w+|declin\w+|happ\w+|significan\w+|margin of error)\b|±", re.IGNORECASE
)
Json = dict[str, Any]


def shown_parts(part: Any, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every part of a document that holds an estimate, with where it stands."""
    if isinstance(part, dict):
        if "estimate" in part and "low" in part:
            yield path, part
        for key, inner in part.items():
            yield from shown_parts(inner, f"{path}/{key}")
    elif isinstance(part, list):
        for at, inner in enumerate(part):
            yield from shown_parts(inner, f"{path}/{at}")


def rewritten(document: Json) -> Json:
    """The document with other figures everywhere, to which no counting could come."""
    other = copy.deepcopy(document)
    for at, (_, part) in enumerate(shown_parts(other)):
        width = 4 if part.get("statistic") == "mean" else 1
        part["estimate"] = (0.3 + 0.003 * at) * width
        part["low"], part["high"] = part["estimate"] - 0.11 * width, part["estimate"] + 0.12 * width
        if "slugs" in part:
            part["words"] = f"A sentence on the trend that nobody would write, number {at}."
    other["headline"] = "A headline that nobody would compute"
    return other


def printed(part: Json, *, signed: bool = False) -> str:
    """A share as the design prints it, formatted by hand: `37% (27 to 49)`; `+12 (-9 to +33)`."""
    ends = [
        round(100 * part["estimate"] + 1e-9),
        int(100 * part["low"] + 1e-7),
        -int(-(100 * part["high"] - 1e-7) // 1),
    ]
    if signed:
        one, low, high = (f"+{end}" if end > 0 else str(end) for end in ends)
        return f"{one} ({low} to {high})"
    return f"{ends[0]}% ({ends[1]} to {ends[2]})"


def plain(html: str) -> str:
    body = re.sub(r"<svg.*?</svg>|<style.*?</style>", " ", html, flags=re.DOTALL)
    return " ".join(
        unescape(re.sub(r"<[^>]+>", "", body)).replace("\u00a0", " ").replace("\u2212", "-").split()
    )


@on_postgresql("databases")
def test_every_form_prints_the_stored_document_and_computes_nothing(app: Flask) -> None:
    company = counted_company(app)
    stored = rewritten(find_findings(company.wave.slug).document)
    with transaction() as session:
        session.get_one(FindingsRow, (company.wave.id, 1)).document = canonical_json(stored)
    found = find_findings(company.wave.slug)
    page = plain(browser(app, "manager").get(f"/waves/{company.wave.slug}").text)
    provider, contacts = sharing_recipients(found.wave)
    letter = findings_letter(
        preview_sharing(found, contacts[0].id, now()),
        provider,
        contacts[0],
        current_app.config["CANDOUR"],
    )
    company_shares = [
        m
        for m in stored["measures"]
        if m["group"] is None and m["shown"] and m["statistic"] == "top2"
    ]
    assert len(company_shares) > 5
    for measure in company_shares:
        for form in (page, plain(letter.html), plain(letter.text)):
            assert printed(measure) in form, measure["question"]
    for form in (page, letter.subject and plain(letter.html), plain(letter.text)):
        assert stored["headline"] in form
    groups = [
        m
        for m in stored["measures"]
        if m["group"] and m["shown"] and m["statistic"] == "top2" and m["population"] > m["answers"]
    ]
    assert len(groups) > 5
    for measure in groups:
        score, ends = printed(measure).rstrip(")").split(" (")
        assert f"{score}{ends}n {measure['answers']}" in page.replace("▲", "").replace("▼", ""), (
            measure
        )
    lines = list(csv.DictReader(io.StringIO(as_csv(found))))
    numbers = {(line["question"], line["statistic"], line["group"] or None): line for line in lines}
    for measure in stored["measures"]:
        line = numbers[measure["question"], measure["statistic"], measure["group"]]
        wanted = (
            [repr(measure[end]) for end in ("estimate", "low", "high")]
            if measure["shown"]
            else ["", "", ""]
        )
        assert [line[end] for end in ("estimate", "low", "high")] == wanted
    assert json.loads(canonical_json(found.document))["measures"] == stored["measures"]


def test_trends_changes_and_the_year_are_printed_from_the_document(app: Flask) -> None:
    days = (
        "2026-10-12",
        "2026-07-13",
        "2026-04-13",
        "2026-01-12",
        "2025-10-13",
        "2025-07-14",
        "2025-04-14",
    )
    document = compute_document(
        wave(),
        "Brightline IT",
        asked(),
        _tally(7),
        Evidence(earlier=[earlier(day) for day in days]),
    )
    stored = rewritten(document)
    with app.test_request_context():
        shown = present_document(stored)
        facts = {
            "results": shown,
            "charts": drawings,
            "closed": "25 January 2027",
            "previous": None,
            "manages": True,
            "comments": (),
        }
        page = plain(render_template("console/results.html", **facts))
    changes = [m["change"] for m in stored["measures"] if "change" in m] + [
        m["change"] for m in stored["year"]["measures"]
    ]
    assert len(changes) > 10
    trends = [m["trend"] for m in stored["measures"] if "trend" in m]
    assert len(trends) == len(EXAMPLE)
    for trend in trends:
        assert trend["words"] in page
    rise = printed(trends[0], signed=True).replace("(", "").replace(")", " points")
    assert rise in page, "the tile of the overall measure"
    html, text = (" ".join(mail(shown, f"findings.{kind}").split()) for kind in ("html", "txt"))
    for trend in trends:
        assert trend["words"] in text
        assert trend["words"] in plain(html)
    for change in changes:
        assert printed(change, signed=True) in page
    for measure in stored["year"]["measures"]:
        assert printed(measure) in page


def _tally(seed: int) -> Tally:
    groups = (
        PublishedGroup("Sales", ("Sales",), 30, 24),
        PublishedGroup("Service", ("Service",), 30, 20),
    )
    cells = {
        key: {
            "Sales": CellCounts(five(9 + (at + seed) % 12, 24), 0),
            "Service": CellCounts(five(4 + (at * seed) % 14, 20), 0),
        }
        for at, key in enumerate(EXAMPLE)
    }
    return Tally(groups, cells, 0, 0)


COUNTS = st.tuples(*[st.integers(0, 12)] * 5)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    cells = {
        q.id: {
            name: CellCounts(draw(COUNTS), draw(st.integers(0, 3)))
            for name in ("Sales", "Service", "Legal")
        }
        for q in questions()
    }
    most = {
        name: max(sum(cells[q][name].counts) + cells[q][name].opted_out for q in cells)
        for name in ("Sales", "Service", "Legal")
    }
    groups = [
        PublishedGroup(name, (name,), max(8, number + draw(st.integers(0, 20))), number)
        for name, number in most.items()
    ]
    return Tally(tuple(groups), cells, 0, 0)


@settings(max_examples=examples(60))
@given(tallies(), tallies())
def test_no_text_claims_what_a_range_does_not(current: Tally, before: Tally) -> None:
    if not current.answered:
        return
    base = earlier("2026-10-12", tally=before)
    document = compute_document(wave(), "Brightline IT", asked(), current, Evidence(earlier=[base]))
    shown = present_document(document)
    said = [
        document["headline"],
        document["changed"],
        shown.outcome,
        shown.lede,
        *(m.judged for m in shown.measures),
    ]
    said += [f"{m.change.words} {m.change.detectable}" for m in shown.changes if m.change]
    assert not CLAIM.search(" ".join(said))
    judged = [m for m in document["measures"] if m["group"] is None and m.get("verdict")]
    spans = all(m["low"] < m["target"] <= m["high"] for m in judged)
    if judged and spans:
        assert not re.search(
            r"\b(meet|miss)", f"{document['headline']} {shown.outcome}".replace("clearly meets", "")
        )
    for measure in document["measures"]:
        for kind in ("change", "against_rest"):
            found = measure.get(kind, {})
            if found.get("shown") and found["low"] <= 0 <= found["high"]:
                assert found["direction"] == "unclear"
    names = [q.name for q in questions()]
    for name in names:
        if name in document["changed"]:
            change = next(
                m["change"]
                for m in document["measures"]
                if m.get("change") and names[list(EXAMPLE).index(m["question"])] == name
            )
            assert change["low"] > 0 or change["high"] < 0
