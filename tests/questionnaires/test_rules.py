"""Scales, questions and questionnaires: what is asked is checked before anybody sees it."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.errors import Refused
from survey.questionnaires.rules import (
    Question,
    Questionnaire,
    ScaleKind,
    numeric_scale,
    questionnaire_document,
    read_document,
    read_roles,
    reuse_faults,
)

LABELS = ["Never", "Rarely", "About half the time", "Usually", "Always"]
DOCUMENT: dict[str, Any] = {
    "slug": "ours",
    "title": "Our survey",
    "language": "en",
    "preamble": "About the last three months.",
    "scales": {
        "freq5": {"kind": "ordinal", "labels": LABELS, "opt_out": "Did not come up"},
        "nps": {
            "kind": "nps",
            "min": 0,
            "max": 10,
            "anchors": ["No", "Yes"],
            "promoter": [9, 10],
            "detractor": [0, 6],
            "opt_out": None,
        },
        "lost": {
            "kind": "bracket",
            "labels": ["None", "Some"],
            "bounds_hours": [[0, 0], [0, 2.5]],
            "over_two_hours": [2],
        },
        "yesno": {
            "kind": "choice",
            "labels": ["No", "Yes"],
            "yes": [2],
            "opt_out": "Not applicable",
        },
        "text": {"kind": "text", "max_chars": 500, "hint": "No names, please."},
    },
    "questions": [
        {
            "id": "A1",
            "revision": 1,
            "name": "Speed",
            "dimension": "speed",
            "text": "Is {provider} quick?",
            "scale": "freq5",
        },
        {
            "id": "A2",
            "revision": 1,
            "name": "Praise",
            "dimension": "all",
            "text": "Would you recommend it?",
            "scale": "nps",
        },
        {
            "id": "A3",
            "revision": 1,
            "name": "Lost time",
            "dimension": "time",
            "text": "How long did you wait?",
            "scale": "lost",
        },
        {
            "id": "A4",
            "revision": 1,
            "name": "Ready",
            "dimension": "start",
            "text": "Was all ready?",
            "scale": "yesno",
        },
        {
            "id": "A5",
            "revision": 1,
            "name": "More",
            "dimension": "open",
            "text": "What else?",
            "scale": "text",
        },
    ],
}
Change = Callable[[dict[str, Any]], object]


def changed(*changes: Change) -> dict[str, Any]:
    made = copy.deepcopy(DOCUMENT)
    for change in changes:
        change(made)
    return made


def refusal(document: object) -> Refused:
    with pytest.raises(Refused) as refused:
        read_document(document)
    assert all(
        line.isprintable() and len(line) < 350
        for line in (refused.value.sentence, *refused.value.details)
    )
    return refused.value


def in_question(**parts: object) -> Change:
    return lambda document: document["questions"][0].update(parts)


def in_scale(name: str, **parts: object) -> Change:
    return lambda document: document["scales"][name].update(parts)


def test_a_document_is_read_and_written_back_the_same() -> None:
    made = read_document(DOCUMENT)
    assert (made.scale_questions, made.minutes, len(made.without_texts().questions)) == (4, 1, 4)
    again = read_document(json.loads(json.dumps(questionnaire_document(made))))
    assert again == made
    assert (
        again.digest
        == made.digest
        != read_document(changed(in_question(text="Is {provider} fast?"))).digest
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (in_question(id="1A"), "an id begins with a letter"),
        (in_question(id="Token"), "taken by the page itself"),
        (in_question(id="a2"), "a2: the id stands twice"),
        (in_question(id="A\n\x1b[31m" + "x" * 5000), "A\ufffd\ufffd[31mxxx"),
        (in_question(revision=0), "the revision begins with 1"),
        (in_question(revision=True), "'True' must be a whole number"),
        (in_question(revision=10**5000), "a huge number must be a whole number"),
        (in_question(text=" "), "text: it is empty"),
        (in_question(text="Is {vendor} quick?"), "unknown placeholder {vendor}"),
        (in_question(text="Is {provider quick?"), "unknown placeholder"),
        (in_question(name="About {provider}"), "none may stand here"),
        (in_question(text="x" * 501), "shorten to 500"),
        (in_question(dimension="\ud800"), "dimension: remove the control character"),
        (in_question(dimension="x" * 81), "dimension: shorten"),
        (in_question(scale="other"), "there is no scale other"),
        (in_question(scale=["freq5"]), "a list must be text"),
        (
            lambda document: document["questions"].__setitem__(0, "A1"),
            "question 1: 'A1' must be an object",
        ),
        (lambda document: document["questions"][0].pop("text"), "question 1: 'text' is missing"),
        (lambda document: document["questions"].clear(), "It has no question"),
        (lambda document: document.update(slug="a b"), "slug: letters, digits"),
        (lambda document: document.update(language="English"), "language: write a code"),
        (lambda document: document.update(title=None), "title: 'None' must be text"),
        (
            lambda document: document.update(preamble="Bell\x07"),
            "preamble: remove the control character",
        ),
        (lambda document: document["scales"].update(other=3), "scale other: '3' must be an object"),
        (lambda document: document["scales"].update({"a\nb": {}}), "'kind' is missing"),
        (in_scale("freq5", kind="stars"), "'stars' is no kind of scale; use ordinal"),
        (in_scale("freq5", labels=["Only"]), "a scale has 2 to 11 points, not 1"),
        (
            in_scale("freq5", labels=[str(n) for n in range(12)], first_code=0),
            "a scale has 2 to 11 points, not 12",
        ),
        (in_scale("freq5", labels="abcde"), "'abcde' must be a list"),
        (
            in_scale("freq5", labels=[False, True]),
            "write words such as Yes and No in quotation marks",
        ),
        (in_scale("freq5", labels=["Never", "Never"]), "a label of its own"),
        (in_scale("freq5", labels=["Never", ""]), "it is empty"),
        (in_scale("freq5", first_code=9), "within 0 to 10"),
        (in_scale("freq5", top2=[5]), "the two best points"),
        (in_scale("freq5", opt_out=""), "label '': it is empty"),
        (in_scale("nps", promoter=[6, 10]), "promoter and detractor at once"),
        (in_scale("nps", anchors=["No"]), "must be two values"),
        (in_scale("nps", max=11), "no part of 0 to 10"),
        (in_scale("lost", bounds_hours=[[0, 0], [0, 10**400]]), "two numbers of hours"),
        (in_scale("lost", bounds_hours=[[0, 2], [1, float("nan")]]), "two numbers of hours"),
        (in_scale("lost", bounds_hours=[[0, 2], [1, 3]]), "from short to long"),
        (in_scale("lost", bounds_hours=[]), "every bracket needs its bounds"),
        (in_scale("yesno", yes=[3]), "its best points [3] are not on the scale"),
        (in_scale("text", max_chars=0), "at least 1 character"),
        (in_scale("text", hint="\ud800"), "hint: remove the control character"),
    ],
)
def test_a_wrong_part_is_refused_by_name(change: Change, told: str) -> None:
    said = " ".join(refusal(changed(change)).details)
    assert told in said, said


def test_all_faults_come_at_once() -> None:
    refused = refusal(
        changed(
            in_question(text="", revision=0),
            in_scale("nps", anchors=3),
            lambda document: document.update(title=7),
        )
    )
    assert refused.sentence == "The questionnaire has 4 faults."
    assert refused.details == (
        "scale nps: '3' must be a list.",
        "title: '7' must be text; in YAML, write words such as Yes and No in quotation marks.",
        "A1: the revision begins with 1.",
        "A1: text: it is empty.",
    )


def test_endless_faults_are_counted_and_not_listed() -> None:
    refused = refusal(changed(lambda document: document["questions"].extend([None] * 5000)))
    assert refused.sentence == "The questionnaire has 5,000 faults."
    assert refused.details[-1] == "and 4,800 more"
    assert len(refused.details) == 201


@pytest.mark.parametrize(
    "document", [None, [], "text", 3, {}, {"scales": {}}, {"scales": [], "questions": {}}]
)
def test_what_is_no_questionnaire_is_pointed_to_an_export(document: object) -> None:
    assert "Export one to see the form" in refusal(document).sentence


def known(**parts: object) -> Question:
    return replace(read_document(DOCUMENT).questions[0], **parts)  # type: ignore[arg-type]


FREQ = known().scale


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (
            known(revision=2, text="Is {provider} very quick?"),
            "other words under revision 2. Raise the revision to 4.",
        ),
        (known(revision=3), "other words under revision 3. Raise the revision to 4."),
        (
            known(revision=2, scale=replace(FREQ, opt_out="Can't say")),
            "other words under revision 2",
        ),
        (known(revision=1), "other words under revision 1. Raise the revision to 4."),
        (known(revision=4, scale=numeric_scale(7)), "Give the question a new id"),
        (
            known(revision=4, scale=replace(FREQ, kind=ScaleKind.CHOICE)),
            "Give the question a new id",
        ),
        (known(revision=4, scale=replace(FREQ, top=frozenset({1}))), "Give the question a new id"),
        (known(revision=4, text="Is {provider} very quick?"), None),
        (known(revision=2, text="is {provider} QUICK"), None),
        (known(revision=2), None),
        (known(revision=1, id="B1"), None),
    ],
)
def test_an_id_carries_other_words_only_under_a_raised_revision(
    new: Question, told: str | None
) -> None:
    stored = [known(revision=2), known(revision=3, text="Has {provider} been quick?")]
    faults = reuse_faults(stored, [new])
    assert told in faults[0] if told else faults == ()


def test_other_words_at_the_ends_of_a_scale_are_other_words() -> None:
    before = read_document(DOCUMENT).questions[1]
    after = replace(before, scale=replace(before.scale, anchors=("Never", "Always")))
    assert reuse_faults([before], [after]) == (
        "A2: other words under revision 1. Raise the revision to 2.",
    )


@pytest.mark.parametrize(
    ("points", "codes", "top"),
    [(2, (1, 2), {2}), (5, (1, 2, 3, 4, 5), {4, 5}), (11, tuple(range(11)), {9, 10})],
)
def test_a_numeric_scale_counts_its_best_points(
    points: int, codes: tuple[int, ...], top: set[int]
) -> None:
    made = numeric_scale(points)
    assert (made.codes, made.top) == (codes, top)


@pytest.mark.parametrize("points", [-1, 0, 1, 12])
def test_a_numeric_scale_has_2_to_11_points(points: int) -> None:
    with pytest.raises(Refused, match="2 to 11"):
        numeric_scale(points)


def test_one_name_is_one_scale() -> None:
    one, two = known(), known(id="B1", scale=replace(known().scale, opt_out=None))
    with pytest.raises(Refused) as refused:
        Questionnaire.of(
            slug="ours", title="Ours", language="en", preamble="", questions=[one, two]
        )
    assert refused.value.details == ("A1: two scales are named freq5.",)


PARTS = [
    "kind",
    "labels",
    "opt_out",
    "bounds_hours",
    "top2",
    "yes",
    "anchors",
    "min",
    "promoter",
    "hint",
    "max_chars",
    "first_code",
]
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["ordinal", "text"])
)
names = st.text(max_size=6) | st.sampled_from(PARTS)
plain = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
places = (
    st.tuples(st.sampled_from(list(DOCUMENT)))
    | st.tuples(
        st.just("scales"), st.sampled_from(list(DOCUMENT["scales"])), st.sampled_from(PARTS)
    )
    | st.tuples(
        st.just("questions"), st.integers(0, 4), st.sampled_from(list(DOCUMENT["questions"][0]))
    )
)


@given(st.lists(st.tuples(places, plain), max_size=3), plain)
def test_any_document_is_a_questionnaire_or_a_refusal(
    edits: list[tuple[tuple[Any, ...], object]], other: object
) -> None:
    made = copy.deepcopy(DOCUMENT)
    for path, value in sorted(edits, key=lambda edit: -len(edit[0])):
        place: Any = made
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    for document in (made, other):
        try:
            read = read_document(document)
        except Refused as refused:
            said = (refused.sentence, *refused.details)
        else:
            said = ()
            assert read_document(json.loads(json.dumps(questionnaire_document(read)))) == read
        assert all(line.isprintable() for line in said)


@pytest.mark.parametrize(
    ("roles", "message"),
    [(["headline"], "'headline' is not a valid QuestionRole"), (["loop", "loop"], "Q0 and Q1")],
)
def test_an_unknown_role_of_the_bank_and_one_given_twice_are_refused(
    roles: list[str], message: str
) -> None:
    questions = [{"id": f"Q{place}", "role": role} for place, role in enumerate(roles)]
    with pytest.raises(ValueError, match=message):
        read_roles([{"id": "Q9"}, *questions])
