"""The page on counting: computed, never typed; short; and every link that leads to it arrives."""

import json
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from survey.findings.words.rules import how_we_count as counting
from survey.findings.words.rules.worked_example import worked_example
from survey.statistics import proportion_interval, too_few_to_say
from survey.statistics.measured import list_measured_promises
from survey.statistics.suppression import WIDEST
from tests.outside import browser

ROOT = Path(__file__).parents[2]
MEASURED = json.loads((ROOT / "survey" / "statistics" / "measured.json").read_text())["checks"]
PARTS = sorted((ROOT / "templates" / "findings").glob("counting_*.html"))
WITH_FORMULAS = "counting_methods.html"


@pytest.fixture
def html(client: FlaskClient) -> str:
    return client.get("/how-we-count").text


def links_from_elsewhere() -> set[str]:
    """The anchors of this page that templates and sentences of other pages name."""
    sources = [*(ROOT / "templates").rglob("*.*"), *(ROOT / "survey").rglob("*.py")]
    found = (re.findall(r"/how-we-count#([a-z-]+)", path.read_text()) for path in sources)
    return {anchor for anchors in found for anchor in anchors}


def test_every_anchor_that_is_linked_is_there_once(html: str) -> None:
    there = re.findall(r' id="([a-z-]+)"', html)
    linked = links_from_elsewhere() | set(re.findall(r'href="#([a-z-]+)"', html))
    assert len(links_from_elsewhere()) >= 8
    assert linked <= set(there)
    assert len(there) == len(set(there))


def test_the_contents_name_every_section_in_its_order(html: str) -> None:
    sections = re.findall(r'<section class="card" id="([a-z-]+)"', html)
    contents = html.partition('<nav class="contents"')[2].partition("</nav>")[0]
    assert re.findall(r'href="#([a-z-]+)"', contents) == sections
    assert len(sections) >= 12


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_no_number_is_typed_outside_the_formulas(path: Path) -> None:
    typed = re.sub(r"\{[{%#].*?[#%}]\}|<[^>]+>", " ", path.read_text(), flags=re.DOTALL)
    numbers = re.findall(r".{0,30}\d.{0,30}", typed)
    assert bool(numbers) is (path.name == WITH_FORMULAS)


def in_html(text: str) -> str:
    return escape(text, quote=False).replace("'", "&#39;")


def test_all_that_was_measured_stands_on_the_page_once_with_its_worst_case(html: str) -> None:
    worst = r'<span class="phone">(?:Worst|Mildest) </span>([\d.]+)%'
    rows = dict(re.findall(rf'<th scope="row">(.*?)</th>\s*<td class="num under">{worst}', html))
    assert len(rows) == len(MEASURED)
    for check in MEASURED:
        measured, printed = 100 * check["large"]["worst"], float(rows[in_html(check["what"])])
        shortfall = measured - printed if check["at_least"] else printed - measured
        assert -1e-9 <= shortfall < 0.1


def test_figures_in_sentences_are_the_measured_ones(html: str) -> None:
    stored = {check["id"]: check["large"] for check in MEASURED}
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
    missed = 100 * (1 - stored["one-dissenter"]["worst"])
    assert f"misses it in up to {missed:.1f}%" in text
    assert f"too often: in {100 * stored['narrow-range-fails']['mean']:.1f}% of cases" in text
    shocks = 100 * stored["change-common-shocks"]["mean"]
    assert f"Judged by how all waves swing, it was {shocks:.1f}%" in text


def test_each_check_is_in_one_part_and_only_counted_ones_speak_of_each_company() -> None:
    parts = counting.measured_in_parts()
    sentences = [check.what for _, _, checks in parts for check in checks]
    assert sorted(sentences) == sorted(check.what for check in list_measured_promises())
    each = {check.what for check in parts[0][2]}
    assert {check["what"] for check in MEASURED if check["id"] in counting.FOR_EACH} == each
    drawn = [one for one in each if "counted" not in one]
    assert all(one.startswith(("The same", "Of these")) for one in drawn)


def test_the_example_is_computed_by_the_methods(html: str) -> None:
    example = worked_example()
    assert (example.invited, example.answered, example.silent) == (58, 42, 16)
    assert f"“{example.score} ({example.range})”" in html
    assert f"here {example.needed} of {example.silent}" in " ".join(html.split())
    assert (example.odds, example.eager) == ("1.2", "dissatisfied")
    narrow = [int(end) for end in example.range.split(" to ")]
    wide = [int(end) for end in example.comparison.split(" to ")]
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_answers_needed_are_the_fewest_that_are_printed() -> None:
    for people, answers in counting.needed_answers():
        assert not too_few_to_say([(answers, people)], is_share=True)
        assert too_few_to_say([(answers - 1, people)], is_share=True)
        widest = max(
            (found := proportion_interval(x, answers, population=people)).high - found.low
            for x in range(answers + 1)
        )
        assert widest <= WIDEST + 1e-9


def test_more_answers_and_fewer_measures_detect_smaller_changes() -> None:
    falls = [
        [int(re.findall(r"(\d+) down", cell)[0]) for cell in cells]
        for _, *cells in counting.needed_changes()
    ]
    assert all(alone < among for alone, among in falls)
    assert [alone for alone, _ in falls] == sorted((alone for alone, _ in falls), reverse=True)


def test_who_is_signed_in_finds_the_way_back_and_a_stranger_no_rooms(app: Flask) -> None:
    rooms = 'aria-current="page">Help</a>'
    assert rooms in browser(app, "viewer").get("/how-we-count").text
    stranger = browser(app).get("/how-we-count").text
    assert rooms not in stranger
    assert '<a href="/promise">Your answers</a>' in stranger


@pytest.mark.parametrize(
    ("referrer", "leads_back"),
    [
        ("http://localhost/waves/pulse-2027-q1", True),
        ("http://localhost/how-we-count", False),
        ("http://localhost.evil.example/waves/x", False),
        ("https://evil.example/", False),
        ("//localhost/", False),
        ("javascript:alert(1)", False),
        ("http://[", False),
        (None, False),
    ],
)
def test_the_page_before_is_linked_only_if_it_is_ours(
    client: FlaskClient,
    referrer: str | None,
    leads_back: bool,  # noqa: FBT001
) -> None:
    headers: Any = {"Referer": referrer} if referrer else {}
    html = client.get("/how-we-count", headers=headers).text
    assert ("Back to the page before" in html) is leads_back
    assert (f'href="{referrer}"' in html) is leads_back


def test_it_claims_no_more_than_it_may(html: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    for word in (
        "margin of error",
        "±  ",
        "three times in four",
        "significant",
        "silent colleague",
    ):
        assert word not in text
    for limit in ("A bad week for everybody", "Colleagues who answer alike", "not on field data"):
        assert limit in text
