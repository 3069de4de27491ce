"""Liveness, readiness and figures, for load balancers and monitors; answered by any host name."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

from flask import Blueprint, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from survey.access.rules.open_to import open_to
from survey.database import connection, db, revision_of, revisions
from survey.jobs.heartbeat import last_pass
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState

blueprint = Blueprint("health", __name__)
LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure for monitors: one number, or one per combination of labels.

    `values` are the numbers by the labels' values; the key is () where there are no `labels`.
    """

    name: str
    says: str
    labels: tuple[str, ...]
    values: dict[tuple[str, ...], float]


@blueprint.get("/healthz")
@open_to("everyone")
def healthz() -> dict[str, str]:
    """Liveness: the process answers."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@open_to("everyone")
def readyz() -> tuple[dict[str, str], int]:
    """Readiness: 200 if the database answers and has this version's tables, else 503.

    The timetable and the mail are given as information. Pages are served without either, so neither
    takes a web process out of a balancer's rotation.
    """
    try:
        db.session.execute(text("SELECT 1"))
        if revision_of(connection()) != revisions()[-1]:
            return {"status": "not ready", "migrations": "the tables are of another version"}, 503
        timetable = _describe_timetable()
        mail_state = "paused" if mail.channel_pause() else "goes out"
    except SQLAlchemyError:
        db.session.rollback()
        return {"status": "not ready", "database": "does not answer"}, 503
    document = {
        "status": "ready",
        "database": "answers",
        "migrations": "current",
        "timetable": timetable,
        "mail": mail_state,
    }
    return document, 200


@blueprint.get("/metrics")
@open_to("everyone")
def metrics() -> Response:
    """Figures for Prometheus: nothing about answers, nothing that counts who has not answered.

    Status 503 where the database does not answer.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    registry = CollectorRegistry()
    try:
        for metric in _metrics():
            gauge = Gauge(f"candour_{metric.name}", metric.says, metric.labels, registry=registry)
            for labels, value in metric.values.items():
                labelled = gauge.labels(*labels) if labels else gauge
                labelled.set(value)
    except SQLAlchemyError:
        db.session.rollback()
        return Response(
            "# the database does not answer\n", 503, content_type=CONTENT_TYPE_PLAIN_0_0_4
        )
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _metrics() -> Iterator[Metric]:
    """All figures: of the timetable, the mail and the waves."""
    measured_at = now()
    passed_at, oldest_due_at = last_pass(), mail.oldest_due_at()
    if passed_at:
        yield Metric(
            "last_pass_age_seconds",
            "How long ago the timetable was gone through.",
            (),
            {(): (measured_at - passed_at).total_seconds()},
        )
    yield Metric(
        "mail_paused",
        "1 while nothing goes out until somebody resumes.",
        (),
        {(): float(bool(mail.channel_pause()))},
    )
    oldest_age = (measured_at - oldest_due_at).total_seconds() if oldest_due_at else 0.0
    yield Metric(
        "oldest_due_letter_age_seconds",
        "For how long the oldest letter that could go has waited.",
        (),
        {(): oldest_age},
    )
    letters: dict[tuple[str, ...], float] = {}
    for kind, counts in mail.letter_counts().counts.items():
        for state, number in asdict(counts).items():
            letters[kind, state] = float(number)
    yield Metric(
        "letters",
        "Letters by kind and state, but for kinds whose number would say who has answered.",
        ("kind", "state"),
        letters,
    )
    states = Counter(wave.state for wave in waves.list_waves())
    yield Metric(
        "waves",
        "Waves by state.",
        ("state",),
        {(state.value,): float(states[state]) for state in WaveState},
    )


def _describe_timetable() -> str:
    """When the timetable was last gone through, in words."""
    passed_at = last_pass()
    if passed_at is None:
        return "was never gone through"
    age = now() - passed_at
    late = "late: " if age > LATE else ""
    seconds = max(0, round(age.total_seconds()))
    return f"{late}gone through {seconds} s ago"
