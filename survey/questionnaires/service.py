"""Questionnaires: the shipped bank, versions that managers save, versions that waves freeze."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import func, select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id
from survey.questionnaires import rules
from survey.questionnaires.rules import (
    Question,
    QuestionId,
    Questionnaire,
    QuestionRole,
    ScaleKind,
    VersionId,
)
from survey.questionnaires.tables import QuestionnaireRow

COMMAND_LINE = "command line"
LARGEST_IMPORT = 1024 * 1024
_DEEPEST = 20
_TITLES = {
    "quarterly_8": "Quarterly survey",
    "monthly_3": "Monthly pulse",
    "annual_full": "Yearly survey",
    "managers_add_on": "Survey of leaders",
    "nps_yearly": "Recommendation, once a year",
    "loop_check": "Does anything change?",
    "contract_kpis_default": "Contract measures",
}


def question_bank() -> dict[QuestionId, Question]:
    """Every question that ships with the product, by its id."""
    bank = rules.read_bank()
    scales = {name: rules.read_scale(name, scale) for name, scale in bank["scales"].items()}
    questions = (
        Question(
            QuestionId(form["id"]),
            form["revision"],
            form["name"],
            form["dimension"],
            form["text"],
            scales[form["scale"]],
        )
        for form in bank["questions"]
    )
    return {question.id: question for question in questions}


def bank_question_with_role(role: QuestionRole) -> Question:
    """The shipped question that has this role; KeyError where none has it."""
    return question_bank()[rules.roles_in_bank()[role]]


def find_questionnaire(slug: str) -> Questionnaire:
    """The newest saved version of a questionnaire; where none was saved, the shipped one.

    Refuses an unknown slug by naming those there are.
    """
    query = select(QuestionnaireRow.number, QuestionnaireRow.document).where(
        QuestionnaireRow.slug == slug, QuestionnaireRow.saved.is_(True)
    )
    stored = db.session.execute(query.order_by(QuestionnaireRow.number.desc()).limit(1)).first()
    if stored is not None:
        return replace(rules.read_document(stored.document), version=stored.number)
    if slug in rules.read_bank()["sets"]:
        return _from_set(slug)
    known = ", ".join(questionnaire.slug for questionnaire in list_questionnaires())
    raise NotFound("questionnaire", f"There is no questionnaire {slug[:64]!r}. Known: {known}")


def list_questionnaires() -> tuple[Questionnaire, ...]:
    """Every questionnaire, saved or shipped, in its newest version, by slug."""
    query = select(QuestionnaireRow.slug).where(QuestionnaireRow.saved.is_(True)).distinct()
    saved = db.session.scalars(query).all()
    slugs = sorted({*saved, *rules.read_bank()["sets"]})
    return tuple(find_questionnaire(slug) for slug in slugs)


def select_questions(base: Questionnaire, ids: Sequence[str]) -> Questionnaire:
    """A copy of a questionnaire with these questions of the bank added, before its open ones.

    Nothing is stored. Refuses an id that the bank does not have, or that the questionnaire has
    already.
    """
    bank = {str(question_id): question for question_id, question in question_bank().items()}
    missing = [question_id for question_id in ids if question_id not in bank]
    if missing:
        raise NotFound("question", f"The bank has no question {', '.join(missing)}.")
    added = [bank[question_id] for question_id in ids]
    scored = [q for q in base.questions if q.scale.kind is not ScaleKind.TEXT]
    texts = [q for q in base.questions if q.scale.kind is ScaleKind.TEXT]
    return base.with_only([*scored, *added, *texts])


def freeze_questionnaire(questionnaire: Questionnaire) -> VersionId:
    """Stores the exact questionnaire of a wave, the same content once; gives the version's id."""
    return _store(questionnaire, saved=False)


@lru_cache(maxsize=64)  # it never changes, and reading it takes longer than ten letters
def frozen_questionnaire(version_id: VersionId) -> Questionnaire:
    """The questionnaire stored under this version id, which must exist; remembered in memory."""
    query = select(QuestionnaireRow.document).where(QuestionnaireRow.id == version_id)
    return rules.read_document(db.session.scalars(query).one())


def save_questionnaire(questionnaire: Questionnaire, *, actor: str = COMMAND_LINE) -> Questionnaire:
    """Stores this as the newest version of its slug and audits that; gives the stored version.

    Refuses a question id that carried other words under this revision, or other points, before.
    """
    with transaction():
        faults = rules.reuse_faults(_known_questions(), questionnaire.questions)
        if faults:
            raise Refused(
                "questionnaire-breaks-trends",
                "The questionnaire would break its trends without showing it. Nothing was saved.",
                details=faults,
            )
        _store(questionnaire, saved=True)
        facts = {"questionnaire": questionnaire.slug, "digest": questionnaire.digest}
        record("questionnaire saved", facts, actor)
        return find_questionnaire(questionnaire.slug)


def read_questionnaire(text: str) -> Questionnaire:
    """Makes a questionnaire from JSON or YAML text; refuses what is neither, or faulty.

    Refuses more than 1 MiB. YAML that repeats parts by anchors, or nests them deeply, is refused
    too, because a small file of that kind can take minutes to read.
    """
    if len(text) > LARGEST_IMPORT:
        raise Refused("questionnaire-too-large", "The questionnaire file is larger than 1 MiB.")
    if text.lstrip().startswith("{"):
        return rules.read_document(_read_json(text))
    import yaml

    try:
        _check_yaml(text)
        content = yaml.safe_load(text)
    except (
        yaml.YAMLError,
        RecursionError,
        ValueError,
        LookupError,
        AttributeError,
    ) as error:  # the last two: tags such as !!int ""
        raise Refused(
            "questionnaire-unreadable",
            "The file is neither JSON nor YAML. Export a questionnaire to see the form.",
        ) from error
    return rules.read_document(content)


def write_questionnaire(questionnaire: Questionnaire, form: str) -> str:
    """Gives a questionnaire as text, which `read_questionnaire` takes; `form` is json or yaml."""
    document = rules.questionnaire_document(questionnaire)
    if form == "yaml":
        import yaml

        return str(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))
    return json.dumps(document, ensure_ascii=False, indent=1)


def _check_yaml(text: str) -> None:
    """Refuses YAML that uses an anchor (an alias, `*name`), or is nested over 20 levels deep.

    Either could make a small file blow up, or take minutes to read. An anchor that nothing uses
    does no harm and passes.
    """
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Refused(
                "yaml-with-anchors",
                "The file uses YAML anchors (&, *). Write the parts out.",
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise Refused(
                "questionnaire-too-deep",
                "The file nests its parts too deeply to be a questionnaire. Export one to see the"
                " form.",
            )


def _read_json(text: str) -> object:
    """The content of JSON text; refuses what is not JSON, or too deep to read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(
            "questionnaire-unreadable",
            f"The file begins like JSON but is none: {error}.",
        ) from error


def _store(questionnaire: Questionnaire, *, saved: bool) -> VersionId:
    """Stores a version of a questionnaire, the same content once; returns its id.

    `saved` makes it the newest, also where it is stored already.
    """
    slug, digest = questionnaire.slug, questionnaire.digest
    with transaction() as session:
        query = select(QuestionnaireRow)
        row = session.scalar(
            query.where(QuestionnaireRow.slug == slug, QuestionnaireRow.digest == digest)
        )
        numbers = select(func.max(QuestionnaireRow.number)).where(QuestionnaireRow.slug == slug)
        newest = session.scalar(numbers) or 0
        if row is None:
            row = QuestionnaireRow(
                id=VersionId(random_id()),
                slug=slug,
                digest=digest,
                number=newest + 1,
                saved=saved,
                document=rules.questionnaire_document(questionnaire),
            )
            session.add(row)
        elif saved:
            row.saved, row.number = True, newest + 1
        session.flush()
        return row.id


def _from_set(slug: str) -> Questionnaire:
    """Makes the shipped questionnaire of this slug, from its set of ids in the bank."""
    bank, questions = rules.read_bank(), question_bank()
    return Questionnaire.of(
        slug=slug,
        title=_TITLES.get(slug, slug),
        language=bank["language"],
        preamble=bank["preamble"],
        questions=[questions[question_id] for question_id in bank["sets"][slug]],
    )


def _known_questions() -> list[Question]:
    """The questions of the bank and of every stored version, saved or frozen; ids repeat."""
    known = list(question_bank().values())
    for document in db.session.scalars(select(QuestionnaireRow.document)):
        known += rules.read_document(document).questions
    return known
