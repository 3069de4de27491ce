"""Is it alive, is it ready, and how does it go: for load balancers and monitors, by any host name."""

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
    """A number, or one per combination of labels."""

    name: str
    says: str
    labels: tuple[str, ...]
    values: dict[tuple[str, ...], float]


@blueprint.get("/healthz")
@open_to("everyone")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@open_to("everyone")
def readyz() -> tuple[dict[str, str], int]:
    """The database answers and has the tables of this version; the timetable and the mail as information.

    Pages are served without either, so neither takes a web process out of a balancer's rotation.
    """
    try:
        db.session.execute(text("SELECT 1"))
        if revision_of(connection()) != revisions()[-1]:
            told = {"status": "not ready", "migrations": "the tables are of another version"}
            return told, 503
        told = {"timetable": _timetable(), "mail": "paused" if mail.channel_pause() else "goes out"}
    except SQLAlchemyError:
        db.session.rollback()
        return {"status": "not ready", "database": "does not answer"}, 503
    return {"status": "ready", "database": "answers", "migrations": "current", **told}, 200


@blueprint.get("/metrics")
@open_to("everyone")
def metrics() -> Response:
    """Figures for Prometheus: nothing about answers, and nothing that counts who has not answered."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    registry = CollectorRegistry()
    try:
        for figure in _figures():
            gauge = Gauge(f"candour_{figure.name}", figure.says, figure.labels, registry=registry)
            for labels, value in figure.values.items():
                (gauge.labels(*labels) if labels else gauge).set(value)
    except SQLAlchemyError:
        db.session.rollback()
        return Response(
            "# the database does not answer\n", 503, content_type=CONTENT_TYPE_PLAIN_0_0_4
        )
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _figures() -> Iterator[Metric]:
    moment = now()
    passed, waits = last_pass(), mail.oldest_due_at()
    if passed:
        yield Metric(
            "last_pass_age_seconds",
            "How long ago the timetable was gone through.",
            (),
            {(): (moment - passed).total_seconds()},
        )
    yield Metric(
        "mail_paused",
        "1 while nothing goes out until somebody resumes.",
        (),
        {(): float(bool(mail.channel_pause()))},
    )
    oldest = (moment - waits).total_seconds() if waits else 0.0
    yield Metric(
        "oldest_due_letter_age_seconds",
        "For how long the oldest letter that could go has waited.",
        (),
        {(): oldest},
    )
    letters: dict[tuple[str, ...], float] = {
        (kind, state): float(number)
        for kind, counts in mail.letter_counts().counts.items()
        for state, number in asdict(counts).items()
    }
    yield Metric(
        "letters",
        "Letters by kind and state, but for kinds whose number would say who has answered.",
        ("kind", "state"),
        letters,
    )
    states = Counter(item.state for item in waves.list_waves())
    yield Metric(
        "waves",
        "Waves by state.",
        ("state",),
        {(state.value,): float(states[state]) for state in WaveState},
    )


def _timetable() -> str:
    passed = last_pass()
    if passed is None:
        return "was never gone through"
    age = now() - passed
    late = "late: " if age > LATE else ""
    return f"{late}gone through {max(0, round(age.total_seconds()))} s ago"
