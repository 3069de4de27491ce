"""Every kind of findings document is of the published form; whatever is not is refused."""

import copy
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, is_typeddict

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from survey.counting.service import close_wave
from survey.database import db
from survey.findings.document.rules import document as form
from survey.findings.document.rules.compute import canonical_json, compute_document, document_digest
from survey.findings.document.rules.document import FindingsDocument
from survey.findings.document.rules.evidence import EarlierWave, Evidence, Withholding
from survey.findings.service import documents
from survey.findings.service.documents import find_findings
from survey.kernel.staff_changes import StaffChanges
from survey.questionnaires.rules import Question, Questionnaire, Scale, ScaleKind
from survey.responses.rules import Tally
from survey.waves.rules.roster import RosterRecord
from tests.cast import Company, answer_all, found_company, open_company
from tests.counting.test_ceremony import returned_file, strict_company, take_back
from tests.findings.company import small_company
from tests.findings.quarter import WITH_A_VOID_THIRD, counted_quarter, planned_thirds
from tests.findings.schema import fault, in_schema_1, is_valid, schema
from tests.findings.test_history import a_file, import_file
from tests.findings.test_presentation import FIVE, LOST, NPS, five, questions, tally, wave
from tests.findings.test_quarters_publication import invented
from tests.project.test_migrations import HISTORY
from tests.proofs import on_postgresql
from tests.representative import representative

Document = dict[str, Any]
YES_NO = Scale("yes", ScaleKind.CHOICE, (1, 2), ("Yes", "No"), top=frozenset({1}))
MORE = (
    Question("EFF2", 1, "Working time lost", "", "Lost?", LOST),
    Question("NPS1", 1, "Would recommend", "", "Recommend?", NPS),
    Question("YES1", 1, "Was told", "", "Told?", YES_NO),
    Question("FEW1", 1, "Rarely needed", "", "Rare?", FIVE),
    Question("OPN1", 1, "More", "", "More?", Scale("text", ScaleKind.TEXT)),
)
ANSWERS: dict[str, list[tuple[int, ...]]] = {
    "EFF2": [(2, 3, 3, 1, 1, 0), (3, 4, 3, 1, 1, 0), (3, 3, 3, 1, 1, 0), (2, 3, 3, 1, 0, 0)],
    "NPS1": [(1, 0, 0, 1, 0, 1, 1, 2, 2, 1, 1)] * 3 + [(0, 0, 0, 1, 0, 1, 1, 2, 2, 1, 1)],
    "YES1": [(6, 4), (7, 5), (6, 5), (4, 5)],
    "FEW1": [(0, 1, 1, 1, 0), (0, 1, 0, 1, 0), (1, 0, 0, 1, 0), (0, 1, 0, 0, 0)],
}
QUARTERS = [date(2027, 1, 11) - timedelta(weeks=13 * number) for number in range(1, 8)]
ROSTER = RosterRecord(
    before=StaffChanges(corrected=1, added=2, removed=0),
    foreign_domains=3,
    at_opening=StaffChanges(),
    while_open=StaffChanges(removed=1),
)
# What an older document may lack, and what only some have.
MAY_BE_ABSENT = {
    "changed", "drivers", "year", "hidden_further", "thirds", "roster", "comment_readers",
    "comparison", "effective_answers", "departments", "themes",
    "quarter", "mix_changed", "feasible", "change", "against_rest", "trend",
}  # fmt: skip


def everything() -> Document:
    """A document with every block there is, but for those of thirds."""
    asked = tuple(
        Question(q.id, 1, q.name, "overall" if q.id == "OVR1" else "service", q.text, q.scale)
        for q in questions(*MORE)
    )
    questionnaire = Questionnaire.of(
        slug="example", title="Example", language="en", preamble="", questions=asked
    )
    counted = cells_of(asked, ANSWERS)
    worse = cells_of(asked, ANSWERS | {"SEC1": [five(1, 10), five(1, 12), five(1, 11), five(0, 9)]})
    earlier = [
        EarlierWave(
            f"it-{opened}",
            opened,
            imported=False,
            questionnaire=questionnaire,
            tally=counted if number < 3 else worse,
        )
        for number, opened in enumerate(QUARTERS)
    ]
    source = Random(5)
    scores = [
        "".join(str(source.randint(1, 5)) for question in asked if question.scale.codes)
        for _ in range(120)
    ]
    evidence = Evidence(earlier, scores, {"OPN1": ["The VPN drops"] * 6}, frozenset())
    return stored(
        compute_document(
            wave("2027-01-11", roster=ROSTER),
            "Brightline IT",
            questionnaire,
            counted,
            evidence,
            Withholding({"REL1": 1}),
        )
    )


def cells_of(asked: tuple[Question, ...], answers: dict[str, list[tuple[int, ...]]]) -> Tally:
    with_scale = tuple(question for question in asked if question.scale.codes)
    return tally(with_scale, answers)


def stored(document: Mapping[str, Any]) -> Document:
    """A document as it comes out of the database."""
    return dict(json.loads(canonical_json(document)))


def found(company: Company | str) -> Document:
    slug = company if isinstance(company, str) else company.wave.slug
    return stored(find_findings(slug).document)


def sealed(document: Document) -> Document:
    """The same with the digest that it must have."""
    return document | {"digest": document_digest(document)}


def in_its_first_form(document: Document) -> Document:
    """The same as the first versions of the product stored it."""
    old = in_schema_1(document)
    for name in ("changed", "drivers", "year"):
        old.pop(name)
    old["comments"].pop("themes")
    for group in old["groups"]:
        group.pop("departments", None)
    for measure in [*old["measures"], old["lost_time"]["share_over_2h"]]:
        for name in ("comparison", "effective_answers", "change", "against_rest"):
            measure.pop(name, None)
    return sealed(old)


def strict(app: Flask) -> Document:
    holder = representative("Piet Smit")
    company = strict_company(app, holder, answers=12)
    take_back(company, returned_file(company, holder))
    return found(company)


def closed_early(app: Flask) -> Document:
    company = open_company(app)
    answer_all(company, company.codes[:12])
    early = company.wave.opens_at + timedelta(days=2)
    close_wave(company.wave.slug, early, company.config.key_dir, actor="test", early="flooded")
    return found(company)


def imported(app: Flask, place: Path) -> Document:
    found_company()
    import_file(place, a_file())
    return found("it-2026-q4")


@on_postgresql("databases")
def test_a_company_with_hidden_and_merged_groups_and_lost_time(app: Flask) -> None:
    document = found(small_company(app))
    assert fault(document) == ""
    assert {measure["shown"] for measure in document["measures"]} == {True, False}
    assert {group["shown"] for group in document["groups"]} == {True, False}
    assert document["lost_time"]["hours_per_week"]["shown"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_wave_of_the_strict_tier(app: Flask) -> None:
    assert fault(strict(app)) == ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_wave_that_was_closed_early(app: Flask) -> None:
    document = closed_early(app)
    assert (document["wave"]["closed_early"], fault(document)) == ("flooded", "")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("script", [None, WITH_A_VOID_THIRD], ids=["whole", "with a void third"])
def test_a_quarter_and_its_thirds(app: Flask, script: Any) -> None:
    planned_thirds()
    quarter = counted_quarter(app, script) if script else counted_quarter(app)
    pool = found(quarter.pool.slug)
    counted = [found(third["wave"]) for third in pool["thirds"] if not third["void"]]
    assert len(counted) == (2 if script else 3)
    assert [fault(document) for document in [pool, *counted]] == [""] * (1 + len(counted))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_imported_history(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> None:
    document = imported(app, tmp_path_factory.mktemp("files"))
    assert (document["wave"]["imported"], fault(document)) == (True, "")


def test_a_document_with_every_block() -> None:
    document = everything()
    assert fault(document) == ""
    blocks = [document["lost_time"], document["drivers"], document["comments"]["themes"]]
    assert all(blocks)
    assert document["drivers"]["shown"]
    assert document["comments"]["themes"]["shown"]
    assert document["lost_time"]["share_over_2h"]["change"]["shown"]
    assert any("change" in measure for measure in document["year"]["measures"])
    assert document["hidden_further"] == {"REL1": 1}
    statistics = {m["statistic"] for m in document["measures"] if m["shown"]}
    assert statistics == {"top2", "mean", "nps", "share"}


def test_a_document_of_the_first_schema_with_every_block() -> None:
    old = in_schema_1(everything())
    assert fault(old) == ""
    judged = [part for _, part in parts(old) if isinstance(part, dict) and "q_value" in part]
    assert len(judged) > 20
    assert {part["family"] for part in judged} == {len(judged)}
    assert all("comparison" in m for m in old["measures"] if "process" in m)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_document_that_an_older_version_stored(app: Flask) -> None:
    small_company(app)
    db.session.remove()
    downgrade(revision=HISTORY[0])
    upgrade()
    (old,) = db.session.scalars(text("SELECT document FROM findings")).all()
    assert fault(json.loads(old)) == ""
    first = in_its_first_form(json.loads(old))
    assert fault(first) == ""
    assert first.keys() < json.loads(old).keys()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_any_test_freezes_is_held_to_the_form(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = documents.compute_document

    def misspelt(*facts: Any) -> FindingsDocument:
        document: Any = compute(*facts)
        document["heading"] = document.pop("headline")
        return document

    monkeypatch.setattr(documents, "compute_document", misspelt)
    with pytest.raises(AssertionError, match="headline"):
        closed_early(app)


# What is not of the form: each part of a document in turn, spoilt in every way that fits it.

Path_ = tuple[str | int, ...]


def parts(part: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value in a document, with the way to it."""
    yield path, part
    if isinstance(part, dict | list):
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            yield from parts(value, (*path, key))


EMPTY: Document = {"measures": [], "distributions": [], "lost_time": None, "year": None}


def with_part(
    document: Document, path: Path_, change: Callable[[Any, str | int], None]
) -> Document:
    """A copy in which `change` has been applied to the container of the part.

    Large blocks without the part are left out, so that thousands of copies are checked in seconds.
    """
    block = {path[0]: document[path[0]]}
    if path[0] in {"measures", "distributions"} and len(path) > 1:
        block, path = {path[0]: [document[path[0]][path[1]]]}, (path[0], 0, *path[2:])
    spoilt: Document = document | EMPTY | copy.deepcopy(block)
    container: Any = spoilt
    for key in path[:-1]:
        container = container[key]
    change(container, path[-1])
    return spoilt


def replaced(value: Any) -> Callable[[Any, str | int], None]:
    def change(container: Any, key: str | int) -> None:
        container[key] = value

    return change


def renamed(container: Any, key: str | int) -> None:
    container[f"{key}?"] = container.pop(key)


def removed(container: Any, key: str | int) -> None:
    del container[key]


def with_extra(name: str, value: Any) -> Callable[[Any, str | int], None]:
    def change(container: Any, key: str | int) -> None:
        container[key][name] = value

    return change


def one_of_each(document: Document) -> Document:
    """The same with one measure of each form, so that it is spoilt once in each place."""
    short = copy.deepcopy(document)
    by_form = {
        (m["statistic"], m["group"] is None, *sorted(m), *m.get("change", ())): m
        for m in document["measures"]
    }
    short["measures"] = list(by_form.values())
    for name in ("questions", "distributions", "groups"):
        short[name] = list({tuple(sorted(part)): part for part in document[name]}.values())
    if document["year"]:
        by_form = {(m["statistic"], "change" in m): m for m in document["year"]["measures"]}
        short["year"]["measures"] = list(by_form.values())
    return short


def of_other_types(part: Any) -> Iterator[Any]:
    """Values of another type than this one."""
    yield {"not a field": 1}
    if isinstance(part, bool):
        yield from ("yes", 1)
    elif isinstance(part, str):
        yield 7
    elif isinstance(part, int | float):
        yield str(part)
        yield True
    elif part is None:
        yield [1]
        yield False
    elif isinstance(part, dict):
        yield [part]
        yield "object"
    else:
        yield "list"
        yield [*part, {"wrong": 1}]


def spoilt_documents(document: Document) -> Iterator[tuple[str, Document]]:
    for path, part in parts(document):
        name = ".".join(map(str, path))
        if not path:
            continue
        for wrong in of_other_types(part):
            yield f"{name} = {wrong}", with_part(document, path, replaced(wrong))
        if isinstance(path[-1], str):
            yield f"{name} misspelt", with_part(document, path, renamed)
            if path[-1] not in MAY_BE_ABSENT and path[0] != "hidden_further":
                yield f"{name} missing", with_part(document, path, removed)
        if isinstance(part, int) and not isinstance(part, bool):
            yield f"{name} below zero", with_part(document, path, replaced(-1000))
        if isinstance(part, dict):
            change = with_extra("not a field", 1)
            yield f"{name} with an extra field", with_part(document, path, change)
    yield "an extra field", document | {"extra": 1}


def broken_rules(document: Document) -> Iterator[tuple[str, Document]]:
    """What only the meaning of a field forbids."""
    for path, part in parts(document):
        if isinstance(part, dict) and path:
            for name, value, inner in broken_rules_of(part, path):
                change = with_extra(name, value)
                yield f"{path} {inner} {name} = {value}", with_part(document, inner, change)
    for digest in ("", "sha256:", "md5:" + 64 * "0", document["digest"].upper()):
        yield f"digest {digest}", document | {"digest": digest}
    yield "the next schema", document | {"schema": 3}
    yield "the first schema with the log", document | {"schema": 1}


def broken_rules_of(part: Document, path: Path_) -> Iterator[tuple[str, Any, Path_]]:
    """Fields with values that break a rule, each with the place of its object."""
    if part.get("shown") is False:
        for number in ("estimate", "answers", "low", "counts", "population", "target"):
            yield number, 7, path
    for word in ("verdict", "direction", "statistic", "kind", "state"):
        if word in part:
            yield word, "brilliant", path
    if "p_value" in part:
        yield "q_value", 1.01, path
    if "estimate" in part and ("statistic" in part or path[-1] == "share_over_2h"):
        yield from numbers_out_of_bounds(part, path)


def numbers_out_of_bounds(figure: Document, path: Path_) -> Iterator[tuple[str, Any, Path_]]:
    """Numbers that a share, a mean or an NPS cannot have; neither of the last two has a target."""
    most = {"mean": 10, "nps": 100}.get(figure.get("statistic", ""), 1)
    for number in ("estimate", "low", "high"):
        yield number, most + 0.01, path
        for block in ("process", "comparison", "change", "against_rest", "trend"):
            if number in figure.get(block, ()):
                yield number, 2.01 * most, (*path, block)
                yield number, -2.01 * most, (*path, block)
        for kind in ("plain", "stratified"):
            if kind in figure.get("process", ()):
                yield number, most + 0.01, (*path, "process", kind)
    for end in ("first", "latest"):
        if "trend" in figure:
            yield end, most + 0.01, (*path, "trend")
    if most > 1:
        yield "target", 0.5, path


def a_third_and_its_quarter() -> list[Document]:
    quarter = invented(3)
    return [stored(quarter.thirds[0]), stored(quarter.quarter)]


@pytest.mark.parametrize("kind", ["everything", "third", "quarter"])
def test_whatever_is_not_of_the_form_is_refused(kind: str) -> None:
    third, quarter = a_third_and_its_quarter()
    documents_by_kind = {"everything": everything(), "third": third, "quarter": quarter}
    document = one_of_each(documents_by_kind[kind])
    assert fault(document) == ""
    spoilt = [*spoilt_documents(document), *broken_rules(document)]
    assert len(spoilt) > 400
    assert [name for name, wrong in spoilt if is_valid(wrong)] == []


def test_the_types_and_the_schema_name_the_same_fields() -> None:
    declared = dict(inspect.getmembers(form, is_typeddict))
    for base in ("ShownFigure", "Judgement"):  # of no block of its own
        del declared[base]
    published = {"FindingsDocument": schema(), **schema()["$defs"]}
    objects = {name: one for name, one in published.items() if one.get("type") == "object"}
    assert objects.keys() == declared.keys()
    for name, made in declared.items():
        assert objects[name]["properties"].keys() == made.__annotations__.keys(), name
        assert set(objects[name]["required"]) == made.__required_keys__, name


def test_no_object_of_the_schema_lets_an_unknown_field_pass() -> None:
    objects = [
        (path, part)
        for path, part in parts(schema())
        if isinstance(part, dict) and part.get("type") == "object"
    ]
    assert len(objects) > 20
    assert [path for path, part in objects if part.get("additionalProperties") is not False] == []


def test_every_field_of_the_schema_is_described() -> None:
    for name, part in {"": schema(), **schema()["$defs"]}.items():
        assert part["description"], name
        if part.get("type") == "object":
            assert part["title"]
            for field, rule in part["properties"].items():
                is_described = "description" in rule or "$ref" in rule
                assert is_described, (name, field)
