"""The provider's mail: the same numbers twice, each with its range.

Nothing of a group, a person or a comment is in it.
"""

import json
import re
from dataclasses import replace
from datetime import date
from html import unescape
from html.parser import HTMLParser
from itertools import zip_longest
from typing import Any

import pytest
from flask import Flask, current_app

from survey.findings.document.rules.compute import HIDDEN
from survey.findings.history.rules.column_mapping import ColumnMapping
from survey.findings.history.rules.history import read_history
from survey.findings.history.service import import_history
from survey.findings.letters import SHORTER, findings_letter
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import preview_sharing, sharing_recipients
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.wording import named_date
from survey.kernel.clock import now
from survey.mail.rules.letter import LARGEST_HTML, Letter, length_fault
from survey.questionnaires.service import find_questionnaire
from tests.cast import found_company
from tests.findings.company import CANARY, DEPARTMENTS, MERGED, small_company
from tests.proofs import on_postgresql

SCORE = r"\d[\d.]*% \(\d[\d.]* to \d[\d.]*\)"
WROTE = ("Phones <work> & work", "Slow [...] today\nand tomorrow", "\u202e\u05d5\u05d3")


class Seen(HTMLParser):
    """What a reader of the HTML part sees, and every tag and address in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [
            value or ""
            for name, value in attrs
            if name in {"href", "src", "background", "srcset", "data"}
        ]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def letter_on(found: Findings, **along: Any) -> Letter:
    provider, contacts = sharing_recipients(found.wave)
    shared = replace(preview_sharing(found, contacts[0].id, now()), **along)
    return findings_letter(shared, provider, contacts[0], current_app.config["CANDOUR"])


@pytest.fixture
def found(app: Flask) -> Findings:
    return find_findings(small_company(app).wave.slug)


def test_both_parts_hold_the_same_numbers_in_the_same_order(found: Findings) -> None:
    letter = letter_on(found)
    html = Seen(letter.html).text.partition("What they")[0]
    text = " ".join(letter.text.split())
    assert re.findall(SCORE, text) == re.findall(SCORE, html)
    assert sorted(_numbers(text)) == sorted(_numbers(html))
    shown = [
        measure.printed for measure in present_document(found.document).measures if measure.chart
    ]
    assert len(shown) == 3
    assert set(re.findall(SCORE, text)) >= set(shown)


def _numbers(text: str) -> list[str]:
    """Every number of the measures; the preheader and the keys to charts are no numbers."""
    measured = text.lower().partition("each measure")[2].partition("what we ask of you")[0]
    return re.findall(r"\d[\d.]*%?", measured)


def test_no_score_stands_without_its_range(found: Findings) -> None:
    letter = letter_on(found)
    level, rate = "95%", f"{found.document['response_rate']:.0%}"
    allowed = {
        f"said ({level}",
        f"answered ({rate}",
        "Silence: 70%",
        "target 70%",
        "of 70%",
        "at 70%",
    }
    for part in (" ".join(letter.text.split()), Seen(letter.html).text):
        assert set(re.findall(r"\S+ \(?\d[\d.]*%", re.sub(SCORE, "", part))) <= allowed


def test_it_tells_nothing_of_groups_people_or_comments(found: Findings) -> None:
    letter = letter_on(found)
    for part in (letter.subject, letter.text, letter.html):
        assert [
            name for name in (*DEPARTMENTS, MERGED, CANARY, "Ada", "Colleague") if name in part
        ] == []


def test_it_loads_nothing_and_links_only_to_how_we_count(found: Findings) -> None:
    letter = letter_on(found)
    seen = Seen(letter.html)
    assert seen.addresses == ["http://localhost/how-we-count"]
    assert not seen.tags & {
        "img",
        "picture",
        "video",
        "iframe",
        "script",
        "link",
        "object",
        "svg",
        "form",
        "input",
    }
    assert "url(" not in letter.html
    assert len(letter.html.encode()) <= LARGEST_HTML


@on_postgresql("databases")
def test_even_the_longest_questionnaire_fits(app: Flask) -> None:
    found_company()
    found = imported(_every_question())
    assert (
        len([measure for measure in present_document(found.document).measures if measure.chart])
        > 20
    )
    assert len(letter_on(found).html.encode()) <= LARGEST_HTML


def _every_question() -> str:
    questions = [q for q in find_questionnaire("annual_full").questions if q.scale.codes]
    rows = [["group", *(q.id for q in questions)]]
    rows += [
        [
            ("Sales", "Service")[n % 2],
            *(str(q.scale.codes[n % len(q.scale.codes)]) for q in questions),
        ]
        for n in range(60)
    ]
    return "\n".join(",".join(row) for row in rows)


def imported(content: str, name: str = "past", day: str = "2026-07-06") -> Findings:
    groups = {"Sales": 40, "Service": 40}
    history = read_history(
        content.encode(),
        groups,
        find_questionnaire("annual_full"),
        ColumnMapping(),
        None,
        "history",
    )
    return import_history(
        name,
        history,
        survey="IT support",
        opened=date.fromisoformat(day),
        closed=date.fromisoformat(day),
        actor="test",
    )


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        (["misses"], "the measure misses target"),
        (["meets", "misses", "too close to call"], "1 of 3 measures meets target"),
        (["meets", "meets"], "2 of 2 measures meet target"),
        (["misses", "too close to call"], "neither of 2 measures clearly meets target"),
        ([], "38 of 51 people answered"),
    ],
)
def test_the_subject_follows_from_the_verdicts(
    found: Findings, verdicts: list[str], outcome: str
) -> None:
    document = copied(found)
    shares = [
        m
        for m in document["measures"]
        if m["group"] is None and m["statistic"] == "top2" and m["shown"]
    ]
    for share, verdict in zip_longest(shares, verdicts):
        share.update(
            {"target": 0.7, "break_even": 0.5, "verdict": verdict}
            if verdict
            else {"target": None, "verdict": None}
        )
    letter = letter_on(replace(found, document=document))
    assert letter.subject == f"Northwind Ltd staff survey, Q1 2027: {outcome}"


def copied(found: Findings) -> dict[str, Any]:
    return dict(json.loads(json.dumps(found.document)))


def test_answers_go_to_the_client_and_the_day_they_are_due_is_said(found: Findings) -> None:
    letter = letter_on(found)
    shared = preview_sharing(found, sharing_recipients(found.wave)[1][0].id, now())
    assert (letter.to_address, letter.reply_to) == (
        "otto@brightline.example",
        "dana@northwind.example",
    )
    assert named_date(shared.reply_by.isoformat()) in Seen(letter.html).text
    assert found.digest.removeprefix("sha256:")[:16] in letter.text


UNBROKEN = "\u00a0"


def test_groups_are_printed_as_the_results_page_shows_them_hidden_cells_with_their_words(
    found: Findings,
) -> None:
    letter = letter_on(found, groups=True)
    shown = present_document(found.document)
    assert {row.name for row in shown.groups} == {"Sales", "Service", "Finance", MERGED}
    due = [
        (row.name, cell)
        for at in range(len(shown.columns))
        for row in shown.groups
        for cell in [row.cells[at]]
    ]
    cells = [name for name, cell in due if cell.answers is None]
    lines = [
        line.strip()
        for line in (
            letter.text.partition("BY REPORTING GROUP")[2].partition("WHAT WE ASK")[0].splitlines()
        )
    ]
    printed = [
        (
            f"{name}: {cell.score} ({cell.range}), {cell.answers} answers"
            if cell.answers
            else f"{name}: {cell.score}"
        )
        for name, cell in due
    ]
    assert [
        line for line in lines if re.match(rf"(Sales|Service|Finance|{MERGED}): ", line)
    ] == printed
    rows = re.findall(
        r"<th[^>]*>([^<]+)</th><td[^>]*>([^<]+)</td>",
        unescape(letter.html.partition("By reporting group")[2]),
    )
    assert rows == [
        (
            name,
            (
                f"{cell.score} ({cell.range.replace(' ', UNBROKEN)}), {cell.answers}"
                if cell.answers
                else cell.score
            ),
        )
        for name, cell in due
    ]
    assert len(cells) == letter.text.count(HIDDEN) - letter_on(found).text.count(HIDDEN) > 4
    assert f"{MERGED} were counted together" in letter.text
    assert "Nothing about single technicians." in letter.text
    assert len(letter.html.encode()) <= LARGEST_HTML


def test_comments_are_printed_word_for_word_with_nothing_beside_them(found: Findings) -> None:
    letter = letter_on(found, comments=WROTE)
    listed = letter.text.partition("WHAT PEOPLE WROTE")[2].partition("WHAT WE ASK")[0]
    assert [line.strip() for line in listed.replace("\n  ", "\n").split("\n- ")[1:]] == [*WROTE]
    paragraphs = re.findall(r'<p class="item said"[^>]*>(.*?)</p>', letter.html, re.DOTALL)
    assert [unescape(words) for words in paragraphs] == [*WROTE]
    assert not re.search(r"\d", re.sub("|".join(map(re.escape, WROTE)), "", listed))
    assert [name for name in (*DEPARTMENTS, MERGED) if name in listed] == []


def test_what_was_not_ticked_is_not_there(found: Findings) -> None:
    for along, absent in (
        ({"groups": True}, "WHAT PEOPLE WROTE"),
        ({"comments": WROTE}, "BY REPORTING GROUP"),
    ):
        letter = letter_on(found, **along)
        assert absent not in letter.text
        assert absent.capitalize() not in letter.html


def test_a_mail_just_short_enough_passes_and_a_longer_one_says_what_to_do(found: Findings) -> None:
    room = LARGEST_HTML - len(letter_on(found, comments=("x",)).html.encode())
    assert length_fault(letter_on(found, comments=("x" * (room + 1),)), SHORTER) is None
    fault = length_fault(letter_on(found, comments=("x" * (room + 2),)), SHORTER)
    assert fault
    assert fault.startswith("The mail would have 41 kB; 40 kB are the most")
    assert fault.endswith("Leave out the groups, or hold back some comments.")
