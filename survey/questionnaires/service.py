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
from survey.questionnaires.rules import Question, Questionnaire, QuestionRole
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


def question_bank() -> dict[str, Question]:
    """Every question that ships with the product, by id."""
    found = rules.read_bank()
    scales = {name: rules.read_scale(name, scale) for name, scale in found["scales"].items()}
    return {
        q["id"]: Question(
            q["id"], q["revision"], q["name"], q["dimension"], q["text"], scales[q["scale"]]
        )
        for q in found["questions"]
    }


def bank_question_with_role(role: QuestionRole) -> Question:
    """The question of the bank that has this role."""
    return question_bank()[rules.roles_in_bank()[role]]


def find_questionnaire(slug: str) -> Questionnaire:
    """The newest version of a questionnaire: the one a manager saved, else the bank's set of that name."""
    query = select(QuestionnaireRow.number, QuestionnaireRow.document).where(
        QuestionnaireRow.slug == slug, QuestionnaireRow.saved.is_(True)
    )
    stored = db.session.execute(query.order_by(QuestionnaireRow.number.desc()).limit(1)).first()
    if stored is not None:
        return replace(rules.read_document(stored.document), version=stored.number)
    if slug in rules.read_bank()["sets"]:
        return _from_set(slug)
    raise NotFound(
        "questionnaire",
        f"There is no questionnaire {slug[:64]!r}. Known:"
        f" {', '.join(q.slug for q in list_questionnaires())}",
    )


def list_questionnaires() -> tuple[Questionnaire, ...]:
    """Every questionnaire in its newest version, by name."""
    saved = db.session.scalars(
        select(QuestionnaireRow.slug).where(QuestionnaireRow.saved.is_(True)).distinct()
    ).all()
    return tuple(find_questionnaire(slug) for slug in sorted({*saved, *rules.read_bank()["sets"]}))


def select_questions(base: Questionnaire, ids: Sequence[str]) -> Questionnaire:
    """A questionnaire with further questions of the bank, before its open questions."""
    known = question_bank()
    missing = [name for name in ids if name not in known]
    if missing:
        raise NotFound("question", f"The bank has no question {', '.join(missing)}.")
    scored = [q for q in base.questions if q.scale.kind is not rules.ScaleKind.TEXT]
    texts = [q for q in base.questions if q.scale.kind is rules.ScaleKind.TEXT]
    return base.with_only([*scored, *(known[name] for name in ids), *texts])


def freeze_questionnaire(asked: Questionnaire) -> str:
    """Keeps the exact questionnaire of a wave; the same content is kept once. Returns the version's id."""
    return _store(asked, saved=False)


@lru_cache(maxsize=64)  # it never changes, and reading it takes longer than ten letters
def frozen_questionnaire(version_id: str) -> Questionnaire:
    """The questionnaire that a wave froze."""
    return rules.read_document(
        db.session.scalars(
            select(QuestionnaireRow.document).where(QuestionnaireRow.id == version_id)
        ).one()
    )


def save_questionnaire(asked: Questionnaire, *, actor: str = COMMAND_LINE) -> Questionnaire:
    """Makes this the newest version; refuses an id that carried other words under this revision, or other points, before."""
    with transaction():
        faults = rules.reuse_faults(_known_questions(), asked.questions)
        if faults:
            raise Refused(
                "questionnaire-breaks-trends",
                "The questionnaire would break its trends without showing it. Nothing was saved.",
                details=faults,
            )
        _store(asked, saved=True)
        record("questionnaire saved", {"questionnaire": asked.slug, "digest": asked.digest}, actor)
        return find_questionnaire(asked.slug)


def read_questionnaire(text: str) -> Questionnaire:
    """A questionnaire from JSON or YAML text; refuses what is neither, and YAML's anchors, which can blow up a small file."""
    if len(text) > LARGEST_IMPORT:
        raise Refused("questionnaire-too-large", "The questionnaire file is larger than 1 MiB.")
    if text.lstrip().startswith("{"):
        return rules.read_document(_json(text))
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


def write_questionnaire(asked: Questionnaire, form: str) -> str:
    """A questionnaire as JSON or YAML, as `read_questionnaire` takes it."""
    content = rules.questionnaire_document(asked)
    if form == "yaml":
        import yaml

        return str(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return json.dumps(content, ensure_ascii=False, indent=1)


def _check_yaml(text: str) -> None:
    """Refuses what could blow up a small file: anchors, and nesting so deep that reading it would take minutes."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Refused(
                "yaml-with-anchors",
                "The file uses YAML anchors (&, *). Write the parts out.",
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
            event, yaml.CollectionEndEvent
        )
        if depth > _DEEPEST:
            raise Refused(
                "questionnaire-too-deep",
                "The file nests its parts too deeply to be a questionnaire. Export one to see the"
                " form.",
            )


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(
            "questionnaire-unreadable",
            f"The file begins like JSON but is none: {error}.",
        ) from error


def _store(asked: Questionnaire, *, saved: bool) -> str:
    with transaction() as session:
        query = select(QuestionnaireRow).where(
            QuestionnaireRow.slug == asked.slug, QuestionnaireRow.digest == asked.digest
        )
        row = session.scalar(query)
        newest = (
            session.scalar(
                select(func.max(QuestionnaireRow.number)).where(QuestionnaireRow.slug == asked.slug)
            )
            or 0
        )
        if row is None:
            row = QuestionnaireRow(
                id=random_id(),
                slug=asked.slug,
                digest=asked.digest,
                number=newest + 1,
                saved=saved,
                document=rules.questionnaire_document(asked),
            )
            session.add(row)
        elif saved:
            row.saved, row.number = True, newest + 1
        session.flush()
        return row.id


def _from_set(slug: str) -> Questionnaire:
    found, known = rules.read_bank(), question_bank()
    return Questionnaire.of(
        slug=slug,
        title=_TITLES.get(slug, slug),
        language=found["language"],
        preamble=found["preamble"],
        questions=[known[name] for name in found["sets"][slug]],
    )


def _known_questions() -> list[Question]:
    stored = db.session.scalars(select(QuestionnaireRow.document))
    return [
        *question_bank().values(),
        *(question for document in stored for question in rules.read_document(document).questions),
    ]
