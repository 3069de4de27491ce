"""Scales, questions and questionnaires as values."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, partial
from importlib import resources
from itertools import pairwise
from typing import Any, NewType, TypeVar

from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many

QuestionId = NewType("QuestionId", str)  # of the bank or of an own question: `OVR1`
QuestionnaireSlug = NewType("QuestionnaireSlug", str)
VersionId = NewType("VersionId", str)  # of a frozen questionnaire

FEWEST_POINTS, MOST_POINTS = 2, 11
HOURS_A_WEEK = 168
LARGEST_NUMBER = 10_000
LONGEST_TEXT = 1000
PLACEHOLDERS = ("{provider}", "{notice_days}")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")
_TAKEN = {"token", "form", "code", "csrf_token"}
_LIMITS = {
    "title": 120,
    "preamble": 1000,
    "name": 80,
    "dimension": 80,
    "text": 500,
    "label": 80,
    "hint": 200,
    "scale": 80,
}
_FAULTS_LISTED, _LONGEST_LINE = 200, 300
_TOP = {"ordinal": "top2", "bracket": "over_two_hours", "choice": "yes"}
_Faults = list[str]
T = TypeVar("T")
SECONDS_A_SCALE, SECONDS_A_TEXT = 12, 35
OVERALL_DIMENSION = (
    "overall"  # of the bank's questions, and of a client's own about the service as a whole
)


class QuestionRole(StrEnum):
    """What a question of the bank is to the program, beside being asked; `role_of_question` says which have one."""

    OVERALL = "overall"  # satisfaction with the service as a whole: the headline
    LOOP = "loop"  # whether something changes when staff point out a problem
    LOST_TIME = "lost-time"


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

    @property
    def role(self) -> QuestionRole | None:
        """Its role in the bank; None for a question that has none there, and for one of a client's own."""
        return role_of_question(self.id)

    @classmethod
    def numeric(cls, name: str, scale: Scale) -> "Question":
        """A question of an imported history, of which only the column's name and the number of points are known."""
        return cls(name, 1, name.replace("_", " ").capitalize(), "imported", name, scale)


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A list of questions under a name; two with the same content have the same digest. Version 0 is the shipped one."""

    slug: str
    title: str
    language: str
    preamble: str
    questions: tuple[Question, ...]
    digest: str = ""
    version: int = field(default=0, compare=False)

    @classmethod
    def of(
        cls, *, slug: str, title: str, language: str, preamble: str, questions: Sequence[Question]
    ) -> "Questionnaire":
        """A checked questionnaire; refuses with all faults at once."""
        made = cls(slug, title, language, preamble, tuple(questions))
        _refuse(questionnaire_faults(made))
        text = json.dumps(questionnaire_document(made), sort_keys=True, ensure_ascii=False)
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

    def with_role(self, role: QuestionRole) -> Question | None:
        """The question that has this role; None where none has it."""
        return next((question for question in self.questions if question.role is role), None)

    def without_texts(self) -> "Questionnaire":
        """The same without open questions, for waves in which a comment would give its writer away."""
        return self.with_only(q for q in self.questions if q.scale.kind is not ScaleKind.TEXT)

    def with_only(self, questions: Iterable[Question]) -> "Questionnaire":
        """The same with these questions."""
        return Questionnaire.of(
            slug=self.slug,
            title=self.title,
            language=self.language,
            preamble=self.preamble,
            questions=tuple(questions),
        )


@cache
def read_bank() -> dict[str, Any]:
    """The content of the bank that ships with the product: scales, questions, and sets of questions."""
    text = resources.files("survey.questionnaires").joinpath("bank.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def read_roles(questions: Iterable[Mapping[str, Any]]) -> dict[QuestionRole, str]:
    """The ids of the bank's questions by their role; ValueError for an unknown role, and for one that two questions have."""
    ids_by_role: dict[QuestionRole, str] = {}
    for question in questions:
        if "role" not in question:
            continue
        role = QuestionRole(question["role"])
        if role in ids_by_role:
            raise ValueError(f"{ids_by_role[role]} and {question['id']} have the role {role}")
        ids_by_role[role] = question["id"]
    return ids_by_role


@cache
def roles_in_bank() -> dict[QuestionRole, str]:
    """The ids of the bank's questions by their role."""
    return read_roles(read_bank()["questions"])


def role_of_question(question_id: str) -> QuestionRole | None:
    """The role that the bank gives a question of this id, None where it gives none.

    Neither a frozen questionnaire nor its digest holds roles: they follow from the ids, so that waves frozen before
    there were roles have them too.
    """
    roles = (role for role, its_id in roles_in_bank().items() if its_id == question_id)
    return next(roles, None)


def numeric_scale(points: int) -> Scale:
    """A satisfaction scale of 2 to 11 points known by number only; `top` are the two highest.

    >>> sorted(numeric_scale(7).top)
    [6, 7]
    """
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise Refused(
            "scale-points-unfit",
            f"A scale has {FEWEST_POINTS} to {MOST_POINTS} points, not {points}.",
        )
    codes = tuple(range(1, points + 1)) if points < MOST_POINTS else tuple(range(points))
    return Scale(
        f"numeric{points}", ScaleKind.ORDINAL, codes, tuple(map(str, codes)), top=_best(codes)
    )


def read_scale(name: str, found: Mapping[str, Any]) -> Scale:
    """A scale from its document form; ValueError, KeyError or TypeError where a part is missing or of another kind."""
    kind = _kind(_object(found)["kind"])
    if kind is ScaleKind.TEXT:
        limit = _whole(found.get("max_chars", LONGEST_TEXT))
        return Scale(
            name, kind, max_chars=min(limit, LONGEST_TEXT), hint=_words_or_none(found.get("hint"))
        )
    opt_out = _words_or_none(found.get("opt_out"))
    if kind is ScaleKind.NPS:
        low, high = (frozenset(_span(found[end])) for end in ("detractor", "promoter"))
        codes = tuple(_span([found["min"], found["max"]]))
        lowest, highest = _pair(found["anchors"])
        anchors = (_words(lowest), _words(highest))
        return Scale(
            name,
            kind,
            codes,
            tuple(map(str, codes)),
            anchors,
            opt_out,
            promoters=high,
            detractors=low,
        )
    labels = tuple(_words(label) for label in _list(found["labels"]))
    first = _whole(found.get("first_code", 1))
    codes = tuple(range(first, first + len(labels)))
    best = _best(codes) if kind is ScaleKind.ORDINAL else ()
    top = frozenset(_whole(code) for code in _list(found.get(_TOP[kind.value], list(best))))
    hours = tuple(_bounds(bounds) for bounds in _list(found.get("bounds_hours", [])))
    return Scale(name, kind, codes, labels, opt_out=opt_out, top=top, hours=hours)


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
    if scale.top:
        found[_TOP[scale.kind.value]] = sorted(scale.top)
    if scale.hours:
        found["bounds_hours"] = [list(bounds) for bounds in scale.hours]
    return found


def questionnaire_document(questionnaire: Questionnaire) -> dict[str, Any]:
    """The document form of a questionnaire: plain JSON."""
    scales = {
        question.scale.name: scale_document(question.scale) for question in questionnaire.questions
    }
    questions = [
        {
            "id": q.id,
            "revision": q.revision,
            "name": q.name,
            "dimension": q.dimension,
            "text": q.text,
            "scale": q.scale.name,
        }
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


def read_document(found: object) -> Questionnaire:
    """A questionnaire from its document form; refuses anything else, with all faults at once."""
    if not isinstance(found, dict):
        raise Refused(
            "questionnaire-of-other-form",
            "A questionnaire is an object with slug, title, language, preamble, scales and"
            " questions. Export one to see the form.",
        )
    faults: _Faults = []
    given_scales, given_questions = found.get("scales"), found.get("questions")
    if not isinstance(given_scales, dict) or not isinstance(given_questions, list):
        raise Refused(
            "questionnaire-lacks-parts",
            "The questionnaire lacks scales (an object) or questions (a list). Export one to see"
            " the form.",
        )
    scales = {
        str(name): _read(f"scale {name}", faults, partial(read_scale, str(name), form))
        for name, form in given_scales.items()
    }
    read = [
        _read(f"question {place}", faults, partial(_question, form, scales))
        for place, form in enumerate(given_questions, 1)
    ]
    questions = [question for question in read if question]
    facts = {
        key: _read(key, faults, partial(_words, found.get(key, "")))
        for key in ("slug", "title", "language", "preamble")
    }
    if faults:
        _refuse(
            [
                *faults,
                *(
                    f"{question.id}: {fault}"
                    for question in questions
                    for fault in _faults_of_question(question)
                ),
            ]
        )
    return Questionnaire.of(**{key: text or "" for key, text in facts.items()}, questions=questions)


def questionnaire_faults(questionnaire: Questionnaire) -> tuple[str, ...]:
    """Everything that keeps a questionnaire from being asked."""
    found = [] if questionnaire.questions else ["It has no question."]
    if not _SLUG.fullmatch(questionnaire.slug):
        found.append("slug: letters, digits, _ and - only, 64 at most.")
    if not _LANGUAGE.fullmatch(questionnaire.language):
        found.append("language: write a code such as en-GB.")
    found += [f"title: {fault}" for fault in _text_faults("title", questionnaire.title)]
    if questionnaire.preamble:
        found += [
            f"preamble: {fault}" for fault in _text_faults("preamble", questionnaire.preamble)
        ]
    ids = [question.id.lower() for question in questionnaire.questions]
    found += [
        f"{name}: the id stands twice."
        for name in sorted({name for name in ids if ids.count(name) > 1})
    ]
    scales = {question.scale.name: question.scale for question in questionnaire.questions}
    found += [
        f"{q.id}: two scales are named {q.scale.name}."
        for q in questionnaire.questions
        if q.scale != scales[q.scale.name]
    ]
    for question in questionnaire.questions:
        found += [f"{question.id}: {fault}" for fault in _faults_of_question(question)]
    return tuple(found)


def reuse_faults(known: Iterable[Question], new: Iterable[Question]) -> tuple[str, ...]:
    """Ids that would carry a trend over other words or another scale than they had.

    Other words need a higher revision; punctuation and capitals are no words. Another kind or number of points needs
    another id, because it cannot stand in one line with the old one.
    """
    found = []
    before: dict[str, list[Question]] = {}
    for question in known:
        before.setdefault(question.id, []).append(question)
    for question in new:
        same_id = before.get(question.id, [])
        newest = max((old.revision for old in same_id), default=0)
        known_words = [_wording(old) for old in same_id if old.revision == question.revision]
        if any(_points(old.scale) != _points(question.scale) for old in same_id):
            found.append(
                f"{question.id}: its scale had or counted other points before. Give the question a"
                " new id."
            )
        elif any(words != _wording(question) for words in known_words) or (
            not known_words and question.revision < newest
        ):
            found.append(
                f"{question.id}: other words under revision {question.revision}. Raise the revision"
                f" to {newest + 1}."
            )
    return tuple(found)


def _faults_of_question(question: Question) -> _Faults:
    found = []
    if not _ID.fullmatch(question.id):
        found.append("an id begins with a letter and has letters, digits and _ only, 32 at most.")
    if question.id.lower() in _TAKEN:
        found.append("this id is taken by the page itself.")
    if question.revision < 1:
        found.append("the revision begins with 1.")
    found += [f"name: {fault}" for fault in _text_faults("name", question.name)]
    found += [f"text: {fault}" for fault in _text_faults("text", question.text)]
    if question.dimension:
        found += [f"dimension: {fault}" for fault in _text_faults("dimension", question.dimension)]
    found += [f"the scale's name: {fault}" for fault in _text_faults("scale", question.scale.name)]
    return found + (
        _faults_of_text(question.scale)
        if question.scale.kind is ScaleKind.TEXT
        else _faults_of_scale(question.scale)
    )


def _faults_of_text(scale: Scale) -> _Faults:
    found = [f"hint: {fault}" for fault in _text_faults("hint", scale.hint)] if scale.hint else []
    if scale.max_chars is not None and scale.max_chars < 1:
        found.append("max_chars: leave room for at least 1 character.")
    return found


def _faults_of_scale(scale: Scale) -> _Faults:
    found = []
    if not FEWEST_POINTS <= len(scale.codes) <= MOST_POINTS:
        found.append(
            f"a scale has {FEWEST_POINTS} to {MOST_POINTS} points, not {len(scale.codes)}."
        )
    if len(scale.labels) != len(scale.codes) or len(set(scale.labels)) != len(scale.labels):
        found.append("every point of the scale needs a label of its own.")
    if scale.codes and not 0 <= scale.codes[0] <= scale.codes[-1] <= MOST_POINTS - 1:
        found.append("the points must lie within 0 to 10.")
    for label in (
        *scale.labels,
        *(scale.anchors or ()),
        *([scale.opt_out] if scale.opt_out is not None else []),
    ):
        found += [f"label {label[:40]!r}: {fault}" for fault in _text_faults("label", label)]
    for name, codes in (
        ("best", scale.top),
        ("promoter", scale.promoters),
        ("detractor", scale.detractors),
    ):
        if codes - set(scale.codes):
            found.append(
                f"its {name} points {sorted(codes - set(scale.codes))} are not on the scale."
            )
    if scale.promoters & scale.detractors:
        found.append("a point cannot be promoter and detractor at once.")
    if scale.kind is ScaleKind.ORDINAL and scale.top != _best(scale.codes):
        found.append(
            "the two best points of the scale count as satisfied (of two points, the better one)."
        )
    if scale.kind is ScaleKind.BRACKET and (
        len(scale.hours) != len(scale.codes) or not _rise(scale.hours)
    ):
        found.append("every bracket needs its bounds in hours, from short to long.")
    return found


def _text_faults(what: str, text: str) -> _Faults:
    found = [] if text.strip() else ["it is empty."]
    if len(text) > _LIMITS[what]:
        found.append(f"shorten to {_LIMITS[what]} characters.")
    if not text.replace("\n", " ").isprintable():
        found.append("remove the control character.")
    strange = [
        mark for mark in _PLACEHOLDER.findall(text) if what != "text" or mark not in PLACEHOLDERS
    ]
    if strange:
        allowed = (
            f"a text may hold {' and '.join(PLACEHOLDERS)}"
            if what == "text"
            else "none may stand here"
        )
        found.append(f"unknown placeholder {', '.join(strange)[:60]}; {allowed}.")
    return found


def _best(codes: Sequence[int]) -> frozenset[int]:
    return frozenset(codes[-min(2, len(codes) - 1) :] if len(codes) > 1 else ())


def _rise(hours: Sequence[tuple[float, float]]) -> bool:
    ends = [end for bounds in hours for end in bounds]
    return all(a <= b for a, b in pairwise(ends))


def _wording(question: Question) -> tuple[list[str], ...]:
    texts = (
        question.text,
        *question.scale.labels,
        *(question.scale.anchors or ()),
        question.scale.opt_out or "",
    )
    return tuple(re.findall(r"\w+", text.casefold()) for text in texts)


def _points(scale: Scale) -> tuple[object, ...]:
    return scale.kind, scale.codes, scale.top, scale.promoters, scale.detractors, scale.hours


def _question(form: Mapping[str, Any], scales: Mapping[str, Scale | None]) -> Question | None:
    if _words(_object(form)["scale"]) not in scales:
        raise ValueError(f"there is no scale {form['scale']}")
    scale = scales[form["scale"]]
    made = (
        _words(form["id"]),
        _whole(form["revision"]),
        _words(form["name"]),
        _words(form.get("dimension", "")),
        _words(form["text"]),
    )
    return Question(*made, scale) if scale else None


def _read(where: str, faults: _Faults, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except KeyError as error:
        faults.append(f"{where[:60]}: {error} is missing.")
    except (TypeError, ValueError) as error:
        faults.append(f"{where[:60]}: {str(error)[:120]}.")
    return None


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(
            f"{_found(value)} must be text; in YAML, write words such as Yes and No in quotation"
            " marks"
        )
    return value


def _words_or_none(value: object) -> str | None:
    return None if value is None else _words(value)


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{_found(value)} must be an object with named parts")
    return value


def _kind(value: object) -> ScaleKind:
    if value not in list(ScaleKind):
        raise ValueError(f"{_found(value)} is no kind of scale; use {', '.join(ScaleKind)}")
    return ScaleKind(str(value))


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{_found(value)} must be a list")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise TypeError(f"{_found(value)} must be a whole number of at most {LARGEST_NUMBER:,}")
    return value


def _found(value: object) -> str:
    """A value as a message may repeat it; a part that holds others could be deep and is only named."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return (
        "a huge number"
        if isinstance(value, int) and abs(value) > LARGEST_NUMBER
        else repr(str(value)[:40])
    )


def _pair(value: object) -> list[Any]:
    if len(_list(value)) != 2:
        raise ValueError(f"{_found(value)} must be two values, the lower one first")
    return _list(value)


def _bounds(value: object) -> tuple[float, float]:
    low, high = _pair(value)
    if not all(type(end) in {int, float} and 0 <= end <= HOURS_A_WEEK for end in (low, high)):
        raise ValueError(f"{_found(value)} must be two numbers of hours, 0 to {HOURS_A_WEEK}")
    return float(low), float(high)


def _span(ends: object) -> range:
    low, high = (_whole(end) for end in _pair(ends))
    if not 0 <= low <= high <= MOST_POINTS - 1:
        raise ValueError(f"{low} to {high} is no part of 0 to 10")
    return range(low, high + 1)


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        more = len(faults) - _FAULTS_LISTED
        lines = (
            *map(_shown, faults[:_FAULTS_LISTED]),
            *([f"and {more:,} more"] if more > 0 else []),
        )
        raise Refused(
            "questionnaire-faulty",
            f"The questionnaire has {how_many(len(faults), 'fault')}.",
            details=lines,
        )


def _shown(line: str) -> str:
    """A line that repeats what a file holds: no control character reaches a terminal, and it has an end."""
    plain = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return plain if len(plain) <= _LONGEST_LINE else plain[:_LONGEST_LINE] + "…"
