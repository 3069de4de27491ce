"""Findings: freeze them once, read them."""

import json
from collections.abc import Sequence

from sqlalchemy import select

from survey.access.service.audit import log_head, record
from survey.database import db, transaction
from survey.findings.document.rules.compute import canonical_json, compute_document
from survey.findings.document.rules.document import FindingsDocument, ShownGroup
from survey.findings.document.rules.evidence import EarlierWave, Evidence, Third, Withholding
from survey.findings.document.rules.pooling import pool_thirds_cells
from survey.findings.document.rules.publication import find_leaks, hide_further
from survey.findings.document.rules.years import YEAR
from survey.findings.rules import Findings
from survey.findings.tables import FindingsRow
from survey.kernel.errors import Refused
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Questionnaire, ScaleKind
from survey.responses.rules import PublishedGroup, Tally
from survey.responses.service import responses
from survey.responses.service.responses import comment_texts
from survey.statistics.trends import MOST_WAVES
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

# How many waves are compared with, however long ago: a trend's, and one that few answered.
ALWAYS_REMEMBERED = MOST_WAVES
NEWEST_SCHEMA = 2


def freeze_findings(wave: Wave, tally: Tally, names: frozenset[str] = frozenset()) -> Findings:
    """Computes and stores a wave's findings as version 1; refuses if hidden answers would leak.

    It runs inside the transaction that counts the wave, before the entry of the audit log about
    that: the document holds the log's head without it, and the entry holds the document's digest.
    `names` are words in small letters that no theme may hold.
    """
    questionnaire = waves.questions_of(wave)
    evidence = _evidence_for(wave, questionnaire, names)
    document = _compute_without_leaks(wave, questionnaire, tally, evidence)
    with transaction() as session:
        session.add(
            FindingsRow(
                wave_id=wave.id,
                version=1,
                digest=document["digest"],
                document=canonical_json(document),
            )
        )
        session.flush()
    return Findings(wave, 1, document["digest"], document)


def freeze_pool(
    thirds: Sequence[Wave], names: frozenset[str] = frozenset(), *, actor: str
) -> Findings | None:
    """Adds up the thirds of a quarter, stores and audits its findings; None if already done.

    None is for when somebody was faster. What people wrote moves to the quarter, shuffled. `names`
    are words that no theme may hold.
    """
    with transaction():
        pool = waves.add_pool(thirds)
        if pool is None:
            return None
        comments = responses.move_comments(thirds, pool)
        tally = _tally_of_pool(pool, waves.questions_of(pool), comments)
        findings = freeze_findings(pool, tally, names)
        details = {
            "wave": pool.slug,
            "answered": findings.document["answered"],
            "invited": findings.document["invited"],
            "digest": findings.digest,
            "thirds": [third.slug for third in thirds],
        }
        record("thirds added up", details, actor)
        return findings


def find_findings(slug: str) -> Findings:
    """The newest findings of a wave; refuses a wave that is void or not yet counted.

    `latest` is the newest counted wave of the only survey. The refusal of a wave that has none yet
    says when they come.
    """
    wave = waves.find_wave(slug)
    if wave.state is WaveState.VOID:
        raise Refused(
            "wave-void",
            f"{wave.slug} is void: {wave.void_words}. Nothing is shown and nothing was kept.",
        )
    if not wave.is_published:
        raise Refused(
            "wave-not-counted",
            f"Scores of {wave.slug} appear once it has closed ({wave.closes:%Y-%m-%d %H:%M}"
            f" {wave.timezone}) and been counted.",
            wave=wave.slug,
        )
    versions = select(FindingsRow).where(FindingsRow.wave_id == wave.id)
    newest = versions.order_by(FindingsRow.version.desc()).limit(1)
    return findings_of_row(wave, db.session.scalars(newest).one())


def earlier_findings(wave: Wave) -> tuple[FindingsDocument, ...]:
    """The documents of the same survey's earlier published waves, oldest first."""
    return tuple(find_findings(earlier.slug).document for earlier in _earlier_waves(wave))


def findings_of_row(wave: Wave, row: FindingsRow) -> Findings:
    """The findings in a stored row, with the state that their wave has today."""
    document: FindingsDocument = json.loads(row.document)
    if document["schema"] > NEWEST_SCHEMA:
        raise Refused(
            "findings-too-new",
            f"The findings of {wave.slug} were made by a newer version of Candour. Install that"
            " version or a later one to read them.",
        )
    document["wave"]["state"] = wave.state.value
    return Findings(wave, row.version, row.digest, document)


def _compute_without_leaks(
    wave: Wave, questionnaire: Questionnaire, tally: Tally, evidence: Evidence
) -> FindingsDocument:
    """The document, with more hidden until no hidden answer follows; else refuses to make one.

    Each round hides one more group on the questions that leak, or compares them with no earlier
    wave. Earlier documents are looked at too.
    """
    provider = provider_by_id(wave.provider_id).name
    earlier = earlier_findings(wave)
    withheld = Withholding()
    for _ in range(len(tally.groups) + 2):
        document = compute_document(wave, provider, questionnaire, tally, evidence, withheld)
        leaks = find_leaks(document, earlier)
        if not leaks:
            return document
        withheld = hide_further(withheld, leaks)
    raise Refused(
        "count-would-reveal",
        f"Hidden answers of {wave.slug} could be worked out, so nothing was counted. Keep the"
        " database and ask for help.",
    )


def _evidence_for(wave: Wave, questionnaire: Questionnaire, names: frozenset[str]) -> Evidence:
    """What findings need beside the wave's own counts, from storage; of a third, the log alone."""
    if wave.is_third:
        return Evidence(log=log_head())
    newest_first = [earlier for earlier in _earlier_waves(wave) if not earlier.is_third][::-1]
    remembered = [
        earlier
        for at, earlier in enumerate(newest_first)
        if at < ALWAYS_REMEMBERED or wave.opens - earlier.opens <= 2 * YEAR
    ]
    texts = [q for q in questionnaire.questions if q.scale.kind is ScaleKind.TEXT]
    return Evidence(
        earlier=tuple(_earlier_wave(earlier) for earlier in remembered),
        scores=responses.score_strings(wave),
        comments={question.id: comment_texts(wave, question.id) for question in texts},
        names=names,
        thirds=tuple(_third(third) for third in waves.thirds_of(wave)),
        log=log_head(),
    )


def _earlier_wave(wave: Wave) -> EarlierWave:
    """An earlier wave with its counts, counted again in the groups that it published."""
    document = find_findings(wave.slug).document
    questionnaire = waves.questions_of(wave)
    tally = _tally_of_pool(wave, questionnaire) if wave.is_pool else _tally_again(wave, document)
    return EarlierWave(
        wave.slug,
        wave.opens.date(),
        wave.imported,
        questionnaire,
        tally,
        document["minimum_group"],
        document["minimum_detail"],
        document.get("hidden_further", {}),
        wave.quarter,
    )


def _earlier_waves(wave: Wave) -> list[Wave]:
    """The same survey's earlier published waves, oldest first."""
    of_survey = [other for other in waves.list_waves() if other.survey_id == wave.survey_id]
    return [other for other in of_survey if other.stands_at < wave.stands_at and other.is_published]


def _tally_again(wave: Wave, document: FindingsDocument) -> Tally:
    """A counted wave's counts from its stored responses, in the groups that its document shows."""
    groups = [_published_group(group) for group in document["groups"] if group["shown"]]
    questionnaire = waves.questions_of(wave)
    return responses.tally_responses(wave, questionnaire, groups, document["unreadable"])


def _published_group(group: ShownGroup) -> PublishedGroup:
    return PublishedGroup(
        group["name"],
        tuple(group["members"]),
        group["invited"],
        group["answered"],
        tuple(group["departments"]),
    )


def _tally_of_pool(pool: Wave, questionnaire: Questionnaire, comments: int = 0) -> Tally:
    """A quarter's counts: the sum of what its counted thirds published."""
    tallies = [
        _tally_again(third, find_findings(third.slug).document)
        for third in waves.thirds_of(pool)
        if third.is_published
    ]
    return pool_thirds_cells(pool, questionnaire, tallies, comments)


def _third(wave: Wave) -> Third:
    """A third for its quarter's document; `answered` is None where it was not published."""
    answered = find_findings(wave.slug).document["answered"] if wave.is_published else None
    return Third(wave.slug, wave.period, wave.opens.date(), wave.invited, answered, wave.void_words)
