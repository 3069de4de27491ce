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
_TAKEN_IDS = {"token", "form", "code", "csrf_token"}  # names of fields of the answering page
_LONGEST = {  # characters
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
# The key of a scale's document under which the points stand that a share counts.
_TOP_KEYS = {"ordinal": "top2", "bracket": "over_two_hours", "choice": "yes"}
_Faults = list[str]
T = TypeVar("T")
SECONDS_A_SCALE, SECONDS_A_TEXT = 12, 35
OVERALL_DIMENSION = "overall"  # of questions about the service as a whole, a client's own too


class QuestionRole(StrEnum):
    """What the program uses a question of the bank for; most questions have no role.

    `role_of_question` says which have one.
    """

    OVERALL = "overall"  # satisfaction with the service as a whole: the headline
    LOOP = "loop"  # whether something changes when staff point out a problem
    LOST_TIME = "lost-time"


class ScaleKind(StrEnum):
    """The kind of answer that a question takes: `TEXT` is written, the others are one tap."""

    ORDINAL = "ordinal"
    NPS = "nps"
    BRACKET = "bracket"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Scale:
    """The answers to choose from, low to high, each in words; or a written answer's limit.

    `top` are the points that a share counts; `hours` are the bounds of each bracket; `anchors` are
    the words at both ends of a scale whose points are numbers.
    """

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
    """One question: its id carries the trend, its revision says which wording it is."""

    id: QuestionId
    revision: int
    name: str
    dimension: str
    text: str
    scale: Scale

    @property
    def role(self) -> QuestionRole | None:
        """Its role in the bank; None where it has none, and for a client's own question."""
        return role_of_question(self.id)

    @classmethod
    def numeric(cls, name: str, scale: Scale) -> "Question":
        """Makes a question of an imported history from its column's name and its scale alone."""
        title = name.replace("_", " ").capitalize()
        return cls(QuestionId(name), 1, title, "imported", name, scale)


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A list of questions under a name (`slug`); `of` makes one and checks it.

    Two with the same content have the same digest. Version 0 is the shipped one.
    """

    slug: QuestionnaireSlug
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
        """Makes a questionnaire with its digest; refuses a faulty one, all faults at once."""
        made = cls(QuestionnaireSlug(slug), title, language, preamble, tuple(questions))
        _refuse(questionnaire_faults(made))
        text = json.dumps(questionnaire_document(made), sort_keys=True, ensure_ascii=False)
        return replace(made, digest=hashlib.sha256(text.encode()).hexdigest())

    @property
    def scale_questions(self) -> int:
        """How many of its questions are answered by a tap, not in writing."""
        return sum(question.scale.kind is not ScaleKind.TEXT for question in self.questions)

    @property
    def minutes(self) -> int:
        """Expected time to answer all questions, in whole minutes, 1 at least."""
        texts = len(self.questions) - self.scale_questions
        seconds = self.scale_questions * SECONDS_A_SCALE + texts * SECONDS_A_TEXT
        return max(1, round(seconds / 60))

    def with_role(self, role: QuestionRole) -> Question | None:
        """Its question that has this role; None where none has it."""
        return next((question for question in self.questions if question.role is role), None)

    def without_texts(self) -> "Questionnaire":
        """A copy without the questions that are answered in writing.

        It is for waves in which a comment would betray its writer.
        """
        return self.with_only(q for q in self.questions if q.scale.kind is not ScaleKind.TEXT)

    def with_only(self, questions: Iterable[Question]) -> "Questionnaire":
        """A copy with these questions in place of its own; refuses one with faults."""
        return Questionnaire.of(
            slug=self.slug,
            title=self.title,
            language=self.language,
            preamble=self.preamble,
            questions=tuple(questions),
        )


@cache
def read_bank() -> dict[str, Any]:
    """The shipped bank, from `bank.json`, as it is there: scales, questions, sets of questions."""
    text = resources.files("survey.questionnaires").joinpath("bank.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def read_roles(questions: Iterable[Mapping[str, Any]]) -> dict[QuestionRole, QuestionId]:
    """The id of the question that has each role, from questions in the bank's form.

    Raises ValueError for an unknown role, and for one that two questions have.
    """
    ids_by_role: dict[QuestionRole, QuestionId] = {}
    for question in questions:
        if "role" not in question:
            continue
        role = QuestionRole(question["role"])
        if role in ids_by_role:
            raise ValueError(f"{ids_by_role[role]} and {question['id']} have the role {role}")
        ids_by_role[role] = QuestionId(question["id"])
    return ids_by_role


@cache
def roles_in_bank() -> dict[QuestionRole, QuestionId]:
    """The id of the question that has each role in the shipped bank."""
    return read_roles(read_bank()["questions"])


def role_of_question(question_id: str) -> QuestionRole | None:
    """The role that the shipped bank gives the question with this id; None where it gives none.

    Neither a frozen questionnaire nor its digest holds roles: they follow from the ids, so that
    waves frozen before there were roles have them too.
    """
    for role, its_id in roles_in_bank().items():
        if its_id == question_id:
            return role
    return None


def numeric_scale(points: int) -> Scale:
    """Makes a satisfaction scale of points known by number only; `top` are the two highest.

    Refuses fewer than 2 points and more than 11. They begin with 1, or with 0 where there are 11.

    >>> sorted(numeric_scale(7).top)
    [6, 7]
    """
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise Refused(
            "scale-points-unfit",
            f"A scale has {FEWEST_POINTS} to {MOST_POINTS} points, not {points}.",
        )
    first = 1 if points < MOST_POINTS else 0
    codes = tuple(range(first, first + points))
    labels = tuple(map(str, codes))
    return Scale(f"numeric{points}", ScaleKind.ORDINAL, codes, labels, top=_best(codes))


def read_scale(name: str, document: Mapping[str, Any]) -> Scale:
    """Makes a scale from its document form; raises, and does not refuse, where that is wrong.

    Raises ValueError, KeyError or TypeError where a part is missing or of another kind.
    """
    kind = _kind(_object(document)["kind"])
    if kind is ScaleKind.TEXT:
        limit = _whole(document.get("max_chars", LONGEST_TEXT))
        hint = _words_or_none(document.get("hint"))
        return Scale(name, kind, max_chars=min(limit, LONGEST_TEXT), hint=hint)
    if kind is ScaleKind.NPS:
        return _read_nps_scale(name, document)
    opt_out = _words_or_none(document.get("opt_out"))
    labels = tuple(_words(label) for label in _list(document["labels"]))
    first = _whole(document.get("first_code", 1))
    codes = tuple(range(first, first + len(labels)))
    best = _best(codes) if kind is ScaleKind.ORDINAL else ()
    top_codes = _list(document.get(_TOP_KEYS[kind.value], list(best)))
    top = frozenset(_whole(code) for code in top_codes)
    hours = tuple(_bounds(bounds) for bounds in _list(document.get("bounds_hours", [])))
    return Scale(name, kind, codes, labels, opt_out=opt_out, top=top, hours=hours)


def _read_nps_scale(name: str, document: Mapping[str, Any]) -> Scale:
    """Makes a scale of recommendation from its document form; raises where that is wrong."""
    opt_out = _words_or_none(document.get("opt_out"))
    detractors = frozenset(_span(document["detractor"]))
    promoters = frozenset(_span(document["promoter"]))
    codes = tuple(_span([document["min"], document["max"]]))
    lowest, highest = _pair(document["anchors"])
    return Scale(
        name,
        ScaleKind.NPS,
        codes,
        labels=tuple(map(str, codes)),
        anchors=(_words(lowest), _words(highest)),
        opt_out=opt_out,
        promoters=promoters,
        detractors=detractors,
    )


def scale_document(scale: Scale) -> dict[str, Any]:
    """A scale as a dictionary of plain JSON, from which `read_scale` makes it again."""
    if scale.kind is ScaleKind.TEXT:
        return {"kind": "text", "max_chars": scale.max_chars, "hint": scale.hint}
    document: dict[str, Any] = {"kind": scale.kind.value, "opt_out": scale.opt_out}
    if scale.kind is ScaleKind.NPS:
        ends = {"detractor": scale.detractors, "promoter": scale.promoters}
        return document | {
            "min": scale.codes[0],
            "max": scale.codes[-1],
            "anchors": list(scale.anchors or ()),
            **{name: [min(codes), max(codes)] for name, codes in ends.items()},
        }
    document |= {"first_code": scale.codes[0], "labels": list(scale.labels)}
    if scale.top:
        document[_TOP_KEYS[scale.kind.value]] = sorted(scale.top)
    if scale.hours:
        document["bounds_hours"] = [list(bounds) for bounds in scale.hours]
    return document


def questionnaire_document(questionnaire: Questionnaire) -> dict[str, Any]:
    """A questionnaire as a dictionary of plain JSON, which `read_document` takes."""
    scales = {
        question.scale.name: scale_document(question.scale) for question in questionnaire.questions
    }
    questions = [
        {
            "id": question.id,
            "revision": question.revision,
            "name": question.name,
            "dimension": question.dimension,
            "text": question.text,
            "scale": question.scale.name,
        }
        for question in questionnaire.questions
    ]
    return {
        "slug": questionnaire.slug,
        "title": questionnaire.title,
        "language": questionnaire.language,
        "preamble": questionnaire.preamble,
        "scales": scales,
        "questions": questions,
    }


def read_document(document: object) -> Questionnaire:
    """Makes a questionnaire from its document form; refuses a faulty one, all faults at once."""
    if not isinstance(document, dict):
        raise Refused(
            "questionnaire-of-other-form",
            "A questionnaire is an object with slug, title, language, preamble, scales and"
            " questions. Export one to see the form.",
        )
    faults: _Faults = []
    given_scales, given_questions = document.get("scales"), document.get("questions")
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
        _read(f"question {place}", faults, partial(_read_question, form, scales))
        for place, form in enumerate(given_questions, 1)
    ]
    questions = [question for question in read if question]
    texts = {
        key: _read(key, faults, partial(_words, document.get(key, "")))
        for key in ("slug", "title", "language", "preamble")
    }
    if faults:
        _refuse([*faults, *_faults_of_questions(questions)])
    return Questionnaire.of(**{key: text or "" for key, text in texts.items()}, questions=questions)


def questionnaire_faults(questionnaire: Questionnaire) -> tuple[str, ...]:
    """One sentence for each fault that keeps a questionnaire from being asked; empty when none."""
    faults = [] if questionnaire.questions else ["It has no question."]
    if not _SLUG.fullmatch(questionnaire.slug):
        faults.append("slug: letters, digits, _ and - only, 64 at most.")
    if not _LANGUAGE.fullmatch(questionnaire.language):
        faults.append("language: write a code such as en-GB.")
    faults += _faults_of_part("title", questionnaire.title)
    if questionnaire.preamble:
        faults += _faults_of_part("preamble", questionnaire.preamble)
    ids = [question.id.lower() for question in questionnaire.questions]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    faults += [f"{name}: the id stands twice." for name in repeated]
    scales = {question.scale.name: question.scale for question in questionnaire.questions}
    faults += [
        f"{question.id}: two scales are named {question.scale.name}."
        for question in questionnaire.questions
        if question.scale != scales[question.scale.name]
    ]
    return (*faults, *_faults_of_questions(questionnaire.questions))


def reuse_faults(known: Iterable[Question], new: Iterable[Question]) -> tuple[str, ...]:
    """One sentence for each new question that would break the trend of its id; empty when none.

    It would where it has other words under the same revision, or another scale. `known` are all
    questions that were ever stored, `new` those of a questionnaire that is to be stored. Other
    words need a higher revision; punctuation and capitals are no words. Another kind or number of
    points needs another id, because it cannot share a trend line with the old one.
    """
    faults = []
    known_by_id: dict[str, list[Question]] = {}
    for question in known:
        known_by_id.setdefault(question.id, []).append(question)
    for question in new:
        same_id = known_by_id.get(question.id, [])
        newest = max((old.revision for old in same_id), default=0)
        same_revision = [old for old in same_id if old.revision == question.revision]
        has_other_points = any(_points(old.scale) != _points(question.scale) for old in same_id)
        has_other_words = any(_wording(old) != _wording(question) for old in same_revision)
        is_outdated = not same_revision and question.revision < newest
        if has_other_points:
            faults.append(
                f"{question.id}: its scale had or counted other points before. Give the question a"
                " new id."
            )
        elif has_other_words or is_outdated:
            faults.append(
                f"{question.id}: other words under revision {question.revision}. Raise the revision"
                f" to {newest + 1}."
            )
    return tuple(faults)


def _faults_of_questions(questions: Iterable[Question]) -> _Faults:
    """One sentence for each fault of these questions, each with the question's id."""
    return [
        f"{question.id}: {fault}"
        for question in questions
        for fault in _faults_of_question(question)
    ]


def _faults_of_question(question: Question) -> _Faults:
    """One sentence for each fault of a question, its texts and its scale; empty when none."""
    faults = []
    if not _ID.fullmatch(question.id):
        faults.append("an id begins with a letter and has letters, digits and _ only, 32 at most.")
    if question.id.lower() in _TAKEN_IDS:
        faults.append("this id is taken by the page itself.")
    if question.revision < 1:
        faults.append("the revision begins with 1.")
    faults += _faults_of_part("name", question.name)
    faults += _faults_of_part("text", question.text)
    if question.dimension:
        faults += _faults_of_part("dimension", question.dimension)
    faults += _faults_of_part("scale", question.scale.name, called="the scale's name")
    if question.scale.kind is ScaleKind.TEXT:
        return faults + _faults_of_text(question.scale)
    return faults + _faults_of_points(question.scale)


def _faults_of_text(scale: Scale) -> _Faults:
    """One sentence for each fault in an open question's limit and hint; empty when none."""
    faults = _faults_of_part("hint", scale.hint) if scale.hint else []
    if scale.max_chars is not None and scale.max_chars < 1:
        faults.append("max_chars: leave room for at least 1 character.")
    return faults


def _faults_of_points(scale: Scale) -> _Faults:
    """One sentence for each fault of a tapped scale's points and labels; empty when none."""
    faults = []
    number = len(scale.codes)
    if not FEWEST_POINTS <= number <= MOST_POINTS:
        faults.append(f"a scale has {FEWEST_POINTS} to {MOST_POINTS} points, not {number}.")
    has_distinct_labels = len(set(scale.labels)) == len(scale.labels)
    if len(scale.labels) != number or not has_distinct_labels:
        faults.append("every point of the scale needs a label of its own.")
    if scale.codes and not 0 <= scale.codes[0] <= scale.codes[-1] <= MOST_POINTS - 1:
        faults.append("the points must lie within 0 to 10.")
    faults += _faults_of_labels(scale)
    named = {"best": scale.top, "promoter": scale.promoters, "detractor": scale.detractors}
    for name, codes in named.items():
        if beyond := sorted(codes - set(scale.codes)):
            faults.append(f"its {name} points {beyond} are not on the scale.")
    if scale.promoters & scale.detractors:
        faults.append("a point cannot be promoter and detractor at once.")
    if scale.kind is ScaleKind.ORDINAL and scale.top != _best(scale.codes):
        faults.append(
            "the two best points of the scale count as satisfied (of two points, the better one)."
        )
    has_rising_hours = len(scale.hours) == number and _are_rising(scale.hours)
    if scale.kind is ScaleKind.BRACKET and not has_rising_hours:
        faults.append("every bracket needs its bounds in hours, from short to long.")
    return faults


def _faults_of_labels(scale: Scale) -> _Faults:
    """One sentence for each fault in the words of a scale's points, ends and way out."""
    labels = [*scale.labels, *(scale.anchors or ())]
    if scale.opt_out is not None:
        labels.append(scale.opt_out)
    faults = []
    for label in labels:
        faults += _faults_of_part("label", label, called=f"label {label[:40]!r}")
    return faults


def _faults_of_part(part: str, text: str, *, called: str = "") -> _Faults:
    """One sentence for each fault of a text: empty, too long, unprintable, or a wrong placeholder.

    `part` says which limits hold; `called` is how the sentences name it, else by the part.
    """
    faults = [] if text.strip() else ["it is empty."]
    if len(text) > _LONGEST[part]:
        faults.append(f"shorten to {_LONGEST[part]} characters.")
    if not text.replace("\n", " ").isprintable():
        faults.append("remove the control character.")
    allowed: tuple[str, ...] = ()
    advice = "none may stand here"
    if part == "text":
        allowed = PLACEHOLDERS
        advice = f"a text may hold {' and '.join(PLACEHOLDERS)}"
    unknown = [mark for mark in _PLACEHOLDER.findall(text) if mark not in allowed]
    if unknown:
        faults.append(f"unknown placeholder {', '.join(unknown)[:60]}; {advice}.")
    return [f"{called or part}: {fault}" for fault in faults]


def _best(codes: Sequence[int]) -> frozenset[int]:
    """The two highest points of a scale; of two points the higher one, of one point none."""
    number = min(2, len(codes) - 1)
    return frozenset(codes[-number:] if number > 0 else ())


def _are_rising(hours: Sequence[tuple[float, float]]) -> bool:
    """Whether these brackets (from, to, in hours) go from short to long and do not overlap."""
    ends = [end for bounds in hours for end in bounds]
    return all(earlier <= later for earlier, later in pairwise(ends))


def _wording(question: Question) -> tuple[list[str], ...]:
    """The words of a question and its scale, to compare without punctuation and capitals."""
    texts = (
        question.text,
        *question.scale.labels,
        *(question.scale.anchors or ()),
        question.scale.opt_out or "",
    )
    return tuple(re.findall(r"\w+", text.casefold()) for text in texts)


def _points(scale: Scale) -> tuple[object, ...]:
    """The parts of a scale that must be the same for two waves to share a trend line."""
    return scale.kind, scale.codes, scale.top, scale.promoters, scale.detractors, scale.hours


def _read_question(form: Mapping[str, Any], scales: Mapping[str, Scale | None]) -> Question | None:
    """Makes a question from its form; None where its scale was faulty, ValueError where unknown."""
    if _words(_object(form)["scale"]) not in scales:
        raise ValueError(f"there is no scale {form['scale']}")
    scale = scales[form["scale"]]
    parts = (
        QuestionId(_words(form["id"])),
        _whole(form["revision"]),
        _words(form["name"]),
        _words(form.get("dimension", "")),
        _words(form["text"]),
    )
    return Question(*parts, scale) if scale else None


def _read(where: str, faults: _Faults, read: Callable[[], T]) -> T | None:
    """Gives what `read` gives; where it raises, None, and `faults` gets a sentence with `where`."""
    try:
        return read()
    except KeyError as error:
        faults.append(f"{where[:60]}: {error} is missing.")
    except (TypeError, ValueError) as error:
        faults.append(f"{where[:60]}: {str(error)[:120]}.")
    return None


def _words(value: object) -> str:
    """Gives back a text; raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(
            f"{_named(value)} must be text; in YAML, write words such as Yes and No in quotation"
            " marks"
        )
    return value


def _words_or_none(value: object) -> str | None:
    """Gives back a text or None; raises TypeError for anything else."""
    return None if value is None else _words(value)


def _object(value: object) -> Mapping[str, Any]:
    """Gives back a dictionary; raises TypeError for anything else."""
    if not isinstance(value, dict):
        raise TypeError(f"{_named(value)} must be an object with named parts")
    return value


def _kind(value: object) -> ScaleKind:
    """The kind of scale of this name; raises ValueError where there is none."""
    if value not in list(ScaleKind):
        raise ValueError(f"{_named(value)} is no kind of scale; use {', '.join(ScaleKind)}")
    return ScaleKind(str(value))


def _list(value: object) -> list[Any]:
    """Gives back a list; raises TypeError for anything else."""
    if not isinstance(value, list):
        raise TypeError(f"{_named(value)} must be a list")
    return value


def _whole(value: object) -> int:
    """Gives back a whole number from -10,000 to 10,000; raises TypeError for anything else."""
    if type(value) is not int or not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise TypeError(f"{_named(value)} must be a whole number of at most {LARGEST_NUMBER:,}")
    return value


def _named(value: object) -> str:
    """A value as a message may repeat it: its first 40 characters, or only what kind it is.

    One that holds others could be deep and is only named.
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        return "a huge number"
    return repr(str(value)[:40])


def _pair(value: object) -> list[Any]:
    """Gives back a list of two values; raises ValueError or TypeError for anything else."""
    if len(_list(value)) != 2:
        raise ValueError(f"{_named(value)} must be two values, the lower one first")
    return _list(value)


def _bounds(value: object) -> tuple[float, float]:
    """Two bounds in hours, 0 to 168; raises ValueError or TypeError for anything else."""
    low, high = _pair(value)
    if not all(type(end) in {int, float} and 0 <= end <= HOURS_A_WEEK for end in (low, high)):
        raise ValueError(f"{_named(value)} must be two numbers of hours, 0 to {HOURS_A_WEEK}")
    return float(low), float(high)


def _span(ends: object) -> range:
    """The whole numbers from the first of two ends to the second; raises outside 0 to 10."""
    low, high = (_whole(end) for end in _pair(ends))
    if not 0 <= low <= high <= MOST_POINTS - 1:
        raise ValueError(f"{low} to {high} is no part of 0 to 10")
    return range(low, high + 1)


def _refuse(faults: Sequence[str]) -> None:
    """Refuses a questionnaire for these faults, if there are any; lists the first 200."""
    if not faults:
        return
    lines = [_printable(fault) for fault in faults[:_FAULTS_LISTED]]
    if len(faults) > _FAULTS_LISTED:
        lines.append(f"and {len(faults) - _FAULTS_LISTED:,} more")
    raise Refused(
        "questionnaire-faulty",
        f"The questionnaire has {how_many(len(faults), 'fault')}.",
        details=tuple(lines),
    )


def _printable(line: str) -> str:
    """A line cut to 300 characters, with control characters (for a terminal) replaced."""
    plain = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return plain if len(plain) <= _LONGEST_LINE else plain[:_LONGEST_LINE] + "…"
