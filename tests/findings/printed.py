"""What is printed of findings: page, both parts of the mail, subject and CSV, read back as text."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from html import unescape
from typing import Any

from flask import current_app, render_template

from survey.access.rules.audit_log import LogHead
from survey.accountability.rules.replies import named_day
from survey.charts import drawings
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.letters import findings_letter
from survey.findings.rules import Findings, Sharing, SharingId
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.wording import named_date
from survey.providers.rules import Contact, ContactId, Provider, ProviderId
from tests.findings.random_waves import RandomWave

Document = dict[str, Any]
Row = tuple[str, ...]
LOG = LogHead(1234, "sha256:" + "0123456789abcdef" * 4)
CONTACT = Contact(ContactId("c"), "Alex Jones", "alex@brightline.example")
PROVIDER = Provider(ProviderId("p"), "brightline", "Brightline IT", (CONTACT,))
NUMBER = r"[+-]?\d+(?:\.\d+)?"
SHARES = {"top2", "share", "share_over_two_hours", "share_over_2h"}


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text as read, and its classes."""

    text: str
    classes: str


@dataclass(frozen=True)
class Printed:
    """The findings of one wave in all forms, as they are sent and served."""

    document: Document
    page: str
    html: str
    text: str
    subject: str
    csv: str

    @cached_property
    def words(self) -> str:
        """All that the page says, in one line."""
        return plain(self.page)

    @cached_property
    def letter(self) -> str:
        """All that the designed part of the mail says, in one line."""
        return plain(self.html)

    @cached_property
    def letter_text(self) -> str:
        """All that the text part of the mail says, in one line."""
        return plain(self.text)

    @cached_property
    def heading(self) -> str:
        """The headline of the page, with its second sentence."""
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.page, re.DOTALL)
        return plain(found[1]) if found else ""

    @cached_property
    def lines(self) -> list[dict[str, str]]:
        """The lines of the CSV file."""
        return list(csv.DictReader(io.StringIO(self.csv)))

    @cached_property
    def tables(self) -> dict[str, list[list[Cell]]]:
        """The rows of each table of the page that have cells, by the words of its caption."""
        tables = {}
        for table in re.findall(r"<table.*?</table>", without_drawings(self.page), re.DOTALL):
            caption = re.search(r"<caption[^>]*>(.*?)(?:<span>|</caption>)", table, re.DOTALL)
            body = re.search(r"<tbody[^>]*>(.*)</tbody>", table, re.DOTALL)
            rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body[1] if body else "", re.DOTALL)
            tables[plain(caption[1]) if caption else ""] = [list(_cells(row)) for row in rows]
        return tables

    @cached_property
    def group_columns(self) -> list[str]:
        """The names of the columns of the page's table of groups, without the first."""
        table = re.search(r'<table class="heat">.*?</thead>', self.page, re.DOTALL)
        columns = re.findall(r"<th[^>]*>(.*?)</th>", table[0] if table else "", re.DOTALL)
        return [plain(column) for column in columns[1:]]

    @cached_property
    def tiles(self) -> dict[str, str]:
        """The text of each tile of the page by its heading."""
        tiles = re.findall(
            r'<section class="card tile"><h2>(.*?)</h2>(.*?)</section>', self.page, re.DOTALL
        )
        return {plain(heading): plain(text) for heading, text in tiles}

    @cached_property
    def trends(self) -> dict[str, str]:
        """The sentence about each measure's trend, by its name."""
        part = re.search(r'<h2 id="over-time">.*?</section>', self.page, re.DOTALL)
        items = re.findall(r"<li><b>(.*?)</b>: (.*?)</li>", part[0] if part else "", re.DOTALL)
        return {plain(name): plain(sentence) for name, sentence in items}

    def table(self, caption: str) -> list[list[Cell]]:
        """The rows of the page's table whose caption begins so; none where there is no such one."""
        return next((rows for name, rows in self.tables.items() if name.startswith(caption)), [])


def print_findings(drawn: RandomWave) -> Printed:
    """The findings of a random wave in all forms; needs an application."""
    document = drawn.document
    findings = Findings(drawn.wave, 1, document["digest"], document)
    has_groups = sum(group["shown"] for group in document["groups"]) > 1
    days = date(2027, 2, 1), date(2027, 2, 11)
    shared = Sharing(SharingId("s"), findings, CONTACT.id, *days, LOG, groups=has_groups)
    with current_app.test_request_context():
        page = render_template(
            "console/third.html" if drawn.wave.is_third else "console/results.html",
            results=present_document(document, drawn.earlier),
            charts=drawings,
            closed=named_date(document["wave"]["closed"]),
            previous=None,
            quarter=None,
            thirds=(),
            manages=True,
            may_read=True,
            readers="Dana Reyes",
            reader_changes=(),
            copies=(),
            set_aside=(),
            follow_up=None,
            named_day=named_day,
        )
        letter = findings_letter(shared, PROVIDER, CONTACT, current_app.config["CANDOUR"])
    return Printed(document, page, letter.html, letter.text, letter.subject, as_csv(findings))


def plain(html: str) -> str:
    """The text of a page or a mail in one line, with plain spaces and minus signs."""
    body = re.sub(r"<[^>]+>", " ", without_drawings(html))
    text = unescape(body).replace("\u00a0", " ").replace("\u2212", "-")
    return re.sub(r" (?=[.,;:)](?:\s|$))", "", " ".join(text.split())).replace("( ", "(")


def without_drawings(html: str) -> str:
    """A page without drawings, styles, and what stands there for narrow screens alone."""
    parts = r"<svg.*?</svg>|<style.*?</style>|<title.*?</title>|<span class=\"phone.*?</span>"
    return re.sub(parts, " ", html, flags=re.DOTALL)


def numbers(text: str) -> list[float]:
    """The numbers in a text, with their signs."""
    return [float(number) for number in re.findall(NUMBER, text)]


def _cells(row: str) -> Iterator[Cell]:
    for attributes, content in re.findall(r"<t[hd]([^>]*)>(.*?)</t[hd]>", row, re.DOTALL):
        classes = re.search(r'class="([^"]*)"', attributes)
        yield Cell(plain(content), classes[1] if classes else "")
