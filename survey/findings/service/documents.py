"""Findings: freeze them once, read them."""

import json
from collections.abc import Sequence

from sqlalchemy import select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.findings.document.rules.comparisons import YEAR
from survey.findings.document.rules.compute import canonical_json, compute_document
from survey.findings.document.rules.document import FindingsDocument
from survey.findings.document.rules.evidence import EarlierWave, Evidence, Third, Withholding
from survey.findings.document.rules.pooling import pool_thirds_cells
from survey.findings.document.rules.publication import find_leaks, hide_further
from survey.findings.rules import Findings
from survey.findings.tables import FindingsRow
from survey.kernel.errors import Refused
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Questionnaire, ScaleKind
from survey.responses.rules import PublishedGroup, Tally
from survey.responses.service import responses
from survey.responses.service.responses import comment_texts
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

ALWAYS_REMEMBERED = 2  # waves that are compared with, however long ago


def freeze_findings(item: Wave, tally: Tally, names: frozenset[str] = frozenset()) -> Findings:
    """Computes and keeps the document of a wave, inside the transaction that counts it; `names` are words that no theme may hold."""
    questionnaire = waves.questions_of(item)
    document = _audited(item, questionnaire, tally, _evidence(item, questionnaire, names))
    with transaction() as session:
        session.add(
            FindingsRow(
                wave_id=item.id,
                version=1,
                digest=document["digest"],
                document=canonical_json(document),
            )
        )
        session.flush()
    return Findings(item, 1, document["digest"], document)


def freeze_pool(
    thirds: Sequence[Wave], names: frozenset[str] = frozenset(), *, actor: str
) -> Findings | None:
    """Adds up the thirds of a quarter and keeps the document; what people wrote moves there, shuffled. None when somebody was faster."""
    with transaction():
        pool = waves.add_pool(thirds)
        if pool is None:
            return None
        written = responses.move_comments(thirds, pool)
        found = freeze_findings(pool, _added_up(pool, waves.questions_of(pool), written), names)
        document = found.document
        facts = {
            "wave": pool.slug,
            "answered": document["answered"],
            "invited": document["invited"],
            "digest": found.digest,
        }
        record("thirds added up", facts | {"thirds": [third.slug for third in thirds]}, actor)
        return found


def find_findings(name: str) -> Findings:
    """The newest findings of a wave; refuses a wave that has none, saying when they come."""
    item = waves.find_wave(name)
    if item.state is WaveState.VOID:
        raise Refused(
            "wave-void",
            f"{item.slug} is void: {item.void_reason}. Nothing is shown and nothing was kept.",
        )
    if not item.is_published:
        raise Refused(
            "wave-not-counted",
            f"Scores of {item.slug} appear once it has closed ({item.closes:%Y-%m-%d %H:%M}"
            f" {item.timezone}) and been counted.",
            wave=item.slug,
        )
    query = (
        select(FindingsRow)
        .where(FindingsRow.wave_id == item.id)
        .order_by(FindingsRow.version.desc())
    )
    return _findings(item, db.session.scalars(query.limit(1)).one())


def earlier_findings(item: Wave) -> tuple[FindingsDocument, ...]:
    """The documents of the same survey's earlier published waves, oldest first."""
    return tuple(find_findings(w.slug).document for w in _before(item))


def comments_of(found: Findings) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What people wrote, by question, in random order; nothing where fewer than ten answered."""
    texts = [q for q in found.document["questions"] if q["kind"] == "text"]
    pairs = [
        (
            q["text"].replace("{provider}", found.document["provider"]),
            comment_texts(found.wave, q["id"]),
        )
        for q in texts
    ]
    return tuple(pair for pair in pairs if pair[1])


def _audited(
    item: Wave, questionnaire: Questionnaire, tally: Tally, evidence: Evidence
) -> FindingsDocument:
    """The document of a wave, with as much hidden on top of the rules as it takes to give nothing away."""
    provider, earlier, withheld = (
        provider_by_id(item.provider_id).name,
        earlier_findings(item),
        Withholding(),
    )
    for _ in range(len(tally.groups) + 2):
        document = compute_document(item, provider, questionnaire, tally, evidence, withheld)
        found = find_leaks(document, earlier)
        if not found:
            return document
        withheld = hide_further(withheld, found)
    raise Refused(
        "count-would-reveal",
        f"Hidden answers of {item.slug} could be worked out, so nothing was counted. Keep the"
        " database and ask for help.",
    )


def _evidence(item: Wave, questionnaire: Questionnaire, names: frozenset[str]) -> Evidence:
    """What the findings of a wave are made of beside its own cells; a third is compared with nothing."""
    if item.is_third:
        return Evidence()
    before, thirds = [w for w in _before(item) if not w.is_third], waves.thirds_of(item)
    remembered = [
        w
        for at, w in enumerate(reversed(before))
        if at < ALWAYS_REMEMBERED or item.opens - w.opens <= 2 * YEAR
    ]
    texts = {
        q.id: comment_texts(item, q.id)
        for q in questionnaire.questions
        if q.scale.kind is ScaleKind.TEXT
    }
    return Evidence(
        tuple(map(_earlier, remembered)),
        responses.score_strings(item),
        texts,
        names,
        tuple(map(_third, thirds)),
    )


def _earlier(item: Wave) -> EarlierWave:
    """An earlier wave with its cells, counted again from its responses in the groups that were published."""
    document, asked = find_findings(item.slug).document, waves.questions_of(item)
    tally = _added_up(item, asked) if item.is_pool else _counted_again(item, document)
    minimums = document["minimum_group"], document["minimum_detail"]
    return EarlierWave(
        item.slug,
        item.opens.date(),
        item.imported,
        asked,
        tally,
        *minimums,
        document.get("hidden_further", {}),
        item.quarter,
    )


def _before(item: Wave) -> list[Wave]:
    """The same survey's earlier published waves, oldest first."""
    return [
        w
        for w in waves.list_waves()
        if w.survey_id == item.survey_id and w.stands_at < item.stands_at and w.is_published
    ]


def _counted_again(item: Wave, document: FindingsDocument) -> Tally:
    groups = [
        PublishedGroup(
            g["name"], tuple(g["members"]), g["invited"], g["answered"], tuple(g["departments"])
        )
        for g in document["groups"]
        if g["shown"]
    ]
    return responses.tally_responses(item, waves.questions_of(item), groups, document["unreadable"])


def _added_up(pool: Wave, asked: Questionnaire, comments: int = 0) -> Tally:
    counted = [third for third in waves.thirds_of(pool) if third.is_published]
    return pool_thirds_cells(
        pool,
        asked,
        [_counted_again(third, find_findings(third.slug).document) for third in counted],
        comments,
    )


def _third(item: Wave) -> Third:
    answered = find_findings(item.slug).document["answered"] if item.is_published else None
    return Third(
        item.slug, item.period, item.opens.date(), item.invited, answered, item.void_reason
    )


def _findings(item: Wave, row: FindingsRow) -> Findings:
    document: FindingsDocument = json.loads(row.document)
    document["wave"]["state"] = item.state.value
    return Findings(item, row.version, row.digest, document)
