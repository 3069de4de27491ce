"""Scales, questions and questionnaires as values."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from survey.kernel.errors import Refused

FEWEST_POINTS, MOST_POINTS = 2, 11
LONGEST_TEXT = 1000
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
PLACEHOLDERS = {"provider", "notice_days"}
SECONDS_A_SCALE, SECONDS_A_TEXT = 12, 35


class ScaleKind(StrEnum):
    """What kind of answer a question takes."""

    ORDINAL = "ordinal"
    NPS = "nps"
    BRACKET = "bracket"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Scale:
    """The points of a question in order, low to high, each in words; `top` are those that a share counts."""

    name: str
    kind: ScaleKind
    codes: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    anchors: tuple[str, str] | None = None
    opt_out: str | None = None
    top: frozenset[int] = frozenset()
    promoters: frozenset[int] = frozenset()
    detractors: frozenset[int] = frozenset()
    hours: tuple[tuple[float, float], ...] = ()
    max_chars: int | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its id carries the trend, its revision the wording."""

    id: str
    revision: int
    name: str
    dimension: str
    text: str
    scale: Scale

    @classmethod
    def numeric(cls, name: str, scale: Scale) -> "Question":
        """A question of an imported history, of which only the column's name and the number of points are known."""
        return cls(name, 1, name.replace("_", " ").capitalize(), "imported", name, scale)


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A list of questions under a name; two with the same content have the same digest."""

    slug: str
    title: str
    language: str
    preamble: str
    questions: tuple[Question, ...]
    digest: str = field(default="")

    @classmethod
    def of(cls, *, slug: str, title: str, language: str, preamble: str, questions: Sequence[Question]) -> "Questionnaire":
        """A checked questionnaire; refuses with all faults at once."""
        made = cls(slug, title, language, preamble, tuple(questions))
        faults = list(faults_of(made))
        if faults:
            raise Refused(f"The questionnaire has {len(faults)} fault{'s' if len(faults) > 1 else ''}.", details=tuple(faults))
        text = json.dumps(document(made), sort_keys=True, ensure_ascii=False)
        return replace(made, digest=hashlib.sha256(text.encode()).hexdigest())

    @property
    def scale_questions(self) -> int:
        """How many questions are answered by a tap."""
        return sum(question.scale.kind is not ScaleKind.TEXT for question in self.questions)

    @property
    def minutes(self) -> int:
        """Expected time to answer, in whole minutes."""
        texts = len(self.questions) - self.scale_questions
        return max(1, round((self.scale_questions * SECONDS_A_SCALE + texts * SECONDS_A_TEXT) / 60))

    def without_texts(self) -> "Questionnaire":
        """The same without open questions, for waves in which a comment would give its writer away."""
        return self.with_only(q for q in self.questions if q.scale.kind is not ScaleKind.TEXT)

    def with_only(self, questions: Any) -> "Questionnaire":  # noqa: ANN401 - any iterable of questions
        """The same with these questions."""
        return Questionnaire.of(
            slug=self.slug, title=self.title, language=self.language, preamble=self.preamble, questions=tuple(questions)
        )


def numeric_scale(points: int) -> Scale:
    """A satisfaction scale of 2 to 11 points known by number only; `top` are the two highest.

    >>> sorted(numeric_scale(7).top)
    [6, 7]
    """
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise Refused(f"A scale has {FEWEST_POINTS} to {MOST_POINTS} points, not {points}.")
    codes = tuple(range(1, points + 1)) if points < MOST_POINTS else tuple(range(points))
    return Scale(f"numeric{points}", ScaleKind.ORDINAL, codes, tuple(map(str, codes)), top=frozenset(codes[-2:]))


def read_scale(name: str, found: Mapping[str, Any]) -> Scale:
    """A scale from its document form; ValueError or KeyError where a part is missing."""
    kind = ScaleKind(found["kind"])
    if kind is ScaleKind.TEXT:
        limit = int(found.get("max_chars", LONGEST_TEXT))
        return Scale(name, kind, max_chars=min(limit, LONGEST_TEXT), hint=found.get("hint"))
    if kind is ScaleKind.NPS:
        codes = tuple(range(int(found["min"]), int(found["max"]) + 1))
        low, high = (frozenset(range(a, b + 1)) for a, b in (found["detractor"], found["promoter"]))
        labels = tuple(map(str, codes))
        return Scale(
            name, kind, codes, labels, (found["anchors"][0], found["anchors"][1]), found.get("opt_out"), promoters=high, detractors=low
        )
    labels = tuple(map(str, found["labels"]))
    first = int(found.get("first_code", 1))
    codes = tuple(range(first, first + len(labels)))
    top = frozenset(
        found.get("top2") or found.get("over_two_hours") or found.get("yes") or (codes[-2:] if kind is ScaleKind.ORDINAL else ())
    )
    hours = tuple((float(a), float(b)) for a, b in found.get("bounds_hours", ()))
    return Scale(name, kind, codes, labels, opt_out=found.get("opt_out"), top=top, hours=hours)


def scale_document(scale: Scale) -> dict[str, Any]:
    """The document form of a scale, as `read_scale` takes it."""
    if scale.kind is ScaleKind.TEXT:
        return {"kind": "text", "max_chars": scale.max_chars, "hint": scale.hint}
    found: dict[str, Any] = {"kind": scale.kind.value, "opt_out": scale.opt_out}
    if scale.kind is ScaleKind.NPS:
        ends = {"detractor": scale.detractors, "promoter": scale.promoters}
        return found | {
            "min": scale.codes[0],
            "max": scale.codes[-1],
            "anchors": list(scale.anchors or ()),
            **{name: [min(codes), max(codes)] for name, codes in ends.items()},
        }
    found |= {"first_code": scale.codes[0], "labels": list(scale.labels)}
    name = {ScaleKind.ORDINAL: "top2", ScaleKind.BRACKET: "over_two_hours", ScaleKind.CHOICE: "yes"}[scale.kind]
    if scale.top:
        found[name] = sorted(scale.top)
    if scale.hours:
        found["bounds_hours"] = [list(bounds) for bounds in scale.hours]
    return found


def document(questionnaire: Questionnaire) -> dict[str, Any]:
    """The document form of a questionnaire: plain JSON."""
    scales = {question.scale.name: scale_document(question.scale) for question in questionnaire.questions}
    questions = [
        {"id": q.id, "revision": q.revision, "name": q.name, "dimension": q.dimension, "text": q.text, "scale": q.scale.name}
        for q in questionnaire.questions
    ]
    return {
        "slug": questionnaire.slug,
        "title": questionnaire.title,
        "language": questionnaire.language,
        "preamble": questionnaire.preamble,
        "scales": scales,
        "questions": questions,
    }


def read_document(found: Any) -> Questionnaire:  # noqa: ANN401 - whatever JSON or YAML held
    """A questionnaire from its document form; refuses anything else with what is wrong."""
    if not isinstance(found, dict):
        raise Refused("A questionnaire is an object with slug, title, language, scales and questions.")
    try:
        scales = {str(name): read_scale(str(name), scale) for name, scale in found["scales"].items()}
        questions = [
            Question(str(q["id"]), int(q["revision"]), str(q["name"]), str(q.get("dimension", "")), str(q["text"]), scales[q["scale"]])
            for q in found["questions"]
        ]
        facts = {key: str(found[key]) for key in ("slug", "title", "language")}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Refused(f"The questionnaire is incomplete or malformed near {error}. Export one to see the form.") from error
    return Questionnaire.of(**facts, preamble=str(found.get("preamble", "")), questions=questions)


def faults_of(questionnaire: Questionnaire) -> tuple[str, ...]:
    """Everything that keeps a questionnaire from being asked."""
    found = [] if questionnaire.questions else ["It has no question."]
    ids = [question.id for question in questionnaire.questions]
    found += [f"{name}: the id stands twice." for name in sorted({name for name in ids if ids.count(name) > 1})]
    for question in questionnaire.questions:
        found += [f"{question.id}: {fault}" for fault in _faults_of_question(question)]
    return tuple(found)


def reworded(old: Questionnaire, new: Questionnaire) -> tuple[str, ...]:
    """Ids that keep their revision although their words or scale changed: a trend over them would lie."""
    before = {question.id: question for question in old.questions}
    return tuple(
        q.id
        for q in new.questions
        if q.id in before and q.revision <= before[q.id].revision and (q.text, q.scale) != (before[q.id].text, before[q.id].scale)
    )


def _faults_of_question(question: Question) -> list[str]:
    scale, found = question.scale, []
    if not _ID.fullmatch(question.id):
        found.append("an id begins with a letter and has letters, digits and _ only, 32 at most.")
    if question.id in {"token", "form", "code"}:
        found.append("this id is taken by the page itself.")
    if not question.text.strip() or len(question.text) > 500:
        found.append("the text is empty or longer than 500 characters.")
    unknown = sorted(set(_PLACEHOLDER.findall(question.text)) - PLACEHOLDERS)
    if unknown:
        found.append(f"unknown placeholder {', '.join(unknown)}; a text may hold {{provider}} and {{notice_days}}.")
    if question.revision < 1:
        found.append("the revision begins with 1.")
    if scale.kind is ScaleKind.TEXT:
        return found
    if not FEWEST_POINTS <= len(scale.codes) <= MOST_POINTS:
        found.append(f"a scale has {FEWEST_POINTS} to {MOST_POINTS} points, not {len(scale.codes)}.")
    if len(scale.labels) != len(scale.codes) or not all(label.strip() for label in scale.labels):
        found.append("every point of the scale needs a label.")
    if scale.codes and not 0 <= scale.codes[0] <= scale.codes[-1] <= 10:
        found.append("the points must lie within 0 to 10.")
    if scale.kind is ScaleKind.BRACKET and len(scale.hours) != len(scale.codes):
        found.append("every bracket needs its bounds in hours.")
    return found
