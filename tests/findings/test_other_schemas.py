"""Documents of the first schema are shown as ever, those of a newer one refused in one sentence."""

import csv
import io
import json
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from survey.database import transaction
from survey.findings.commands import findings_group
from survey.findings.document.rules.compute import canonical_json, document_digest
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import preview_sharing, sharing_recipients
from survey.findings.tables import FindingsRow
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.waves import service as waves
from tests.cast import counted_company, found_company
from tests.findings.schema import fault, in_schema_1
from tests.findings.test_history import import_file
from tests.findings.test_letters import Seen, letter_on
from tests.outside import browser
from tests.proofs import on_postgresql

NEWER = "were made by a newer version of Candour. Install that version or a later one to read them."
QUARTERS = [date(2024, 1, 8) + timedelta(weeks=13 * number) for number in range(9)]


def a_history(folder: Path) -> list[str]:
    """Nine waves of another tool, a quarter apart, rising; their slugs, oldest first."""
    found_company()
    slugs = [f"past-{day}" for day in QUARTERS]
    for at, (slug, day) in enumerate(zip(slugs, QUARTERS, strict=True)):
        closed = str(day + timedelta(days=14))
        past = ("--survey", "IT support", "--opened", str(day), "--closed", closed)
        import_file(folder, answers(8 + 2 * at), *past, wave=slug)
    return slugs


def answers(satisfied: int) -> str:
    """A file of 28 answers of two groups, the first of them satisfied, all content with REL1."""
    scores = [5 if number < satisfied else 1 + number % 3 for number in range(28)]
    lines = [f"{('Sales', 'Service')[at % 2]},{score},4" for at, score in enumerate(scores)]
    return "\n".join(["group,OVR1,REL1", *lines])


def store(slug: str, document: dict[str, Any]) -> None:
    with transaction() as session:
        row = session.get_one(FindingsRow, (waves.find_wave(slug).id, 1))
        row.document, row.digest = canonical_json(document), document["digest"]


def in_first_schema(slug: str) -> dict[str, Any]:
    """Stores a wave's document as an older version would have, and gives it back."""
    document = in_schema_1(find_findings(slug).document)
    assert fault(document) == ""
    store(slug, document)
    return document


def in_newer_schema(slug: str) -> None:
    document: Any = find_findings(slug).document | {"schema": 3, "unheard_of": {"of": 1}}
    store(slug, document | {"digest": document_digest(document)})


@on_postgresql("databases")
def test_every_page_mail_and_file_shows_a_document_of_the_first_schema(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    slugs = a_history(tmp_path_factory.mktemp("files"))
    old = [in_first_schema(slug) for slug in slugs][-1]
    found = find_findings(slugs[-1])
    mira = browser(app, "manager")
    page = unescape(mira.get(f"/waves/{slugs[-1]}").text)
    assert old["headline"] in page
    assert "What changed since the last comparable wave?" in page
    assert "Is it getting better?" not in page
    change = next(m["change"] for m in old["measures"] if m.get("change", {}).get("shown"))
    assert "points or more can be detected." in page
    assert old["headline"] in unescape(mira.get("/").text)
    sent = letter_on(found)
    for part in (sent.text, Seen(sent.html).text):
        assert old["headline"] in part
        assert "Is it getting better?" not in part
    rows = csv.DictReader(io.StringIO(mira.get(f"/findings/{slugs[-1]}.csv").text, newline=""))
    company = [row for row in rows if row["statistic"] == "top2" and not row["group"]]
    assert company[0]["family"] == str(change["family"])
    measure = next(m for m in old["measures"] if m["group"] is None)
    ends = [measure["process"]["low"], measure["comparison"]["low"]]
    assert [company[0]["process_low"], company[0]["comparison_low"]] == [str(end) for end in ends]
    shown = CliRunner().invoke(findings_group, ["show", slugs[-1], "--json"])
    assert json.loads(shown.output) == old


def test_a_new_wave_is_compared_with_waves_of_the_first_schema(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    slugs = a_history(folder)
    for slug in slugs:
        in_first_schema(slug)
    past = ("--survey", "IT support", "--opened", "2026-04-06", "--closed", "2026-04-20")
    import_file(folder, answers(27), *past, wave="newest")
    document = find_findings("newest").document
    assert document["schema"] == 2
    overall: Any = next(m for m in document["measures"] if m["group"] is None)
    assert overall["trend"]["slugs"] == [*slugs[-7:], "newest"]
    assert overall["change"]["since"] == slugs[-1]
    page = unescape(browser(app, "manager").get("/waves/newest").text)
    assert overall["trend"]["words"] in page


@on_postgresql("databases")
def test_findings_of_a_newer_version_are_refused_in_one_sentence_everywhere(app: Flask) -> None:
    slug = counted_company(app).wave.slug
    contact = sharing_recipients(find_findings(slug).wave)[1][0].id
    found = find_findings(slug)
    in_newer_schema(slug)
    sentence = f"The findings of {slug} {NEWER}"
    with pytest.raises(Refused, match="newer version") as refused:
        find_findings(slug)
    assert (refused.value.code, str(refused.value)) == ("findings-too-new", sentence)
    with pytest.raises(Refused, match="newer version"):
        preview_sharing(find_findings(slug), contact, now())
    for words in (("show", slug), ("show", slug, "--json"), ("share", slug, "--to", "provider")):
        with pytest.raises(Refused, match="newer version"):
            CliRunner().invoke(findings_group, words, catch_exceptions=False)
    mira = browser(app, "manager")
    for address in (
        f"/waves/{slug}", f"/findings/{slug}", f"/findings/{slug}/letter", f"/findings/{slug}.csv",
        f"/findings/{slug}/comments",
    ):  # fmt: skip
        answer = mira.get(address)
        assert (answer.status_code, sentence in unescape(answer.text)) == (409, True), address
    dashboard = mira.get("/")
    assert dashboard.status_code == 200, "the other waves are shown"
    assert sentence in unescape(dashboard.text)
    assert found.document["headline"] not in unescape(dashboard.text)


def test_a_wave_after_one_of_a_newer_version_says_so_too(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its page shows the waves before it, so it cannot be shown without them."""
    slugs = a_history(tmp_path_factory.mktemp("files"))
    in_newer_schema(slugs[2])
    mira = browser(app, "manager")
    answer = mira.get(f"/waves/{slugs[3]}")
    assert (answer.status_code, f"The findings of {slugs[2]} {NEWER}" in answer.text) == (409, True)
    assert mira.get(f"/waves/{slugs[1]}").status_code == 200
    assert "Is it getting better?" in mira.get("/").text, "the newest wave can be read"
