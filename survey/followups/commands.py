"""The provider's reply and the follow-up mail to staff, from the command line."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import click

from survey.accountability import service
from survey.accountability.rules.replies import Side, TypedCommitment, named_day, read_commitments
from survey.followups.letters import sample_letter
from survey.followups.rules.follow_up import FollowUpStanding, read_draft
from survey.followups.service import follow_ups
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.plurals import choose_form, how_many
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

ACTOR = "command line"
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
DAY = click.DateTime(["%Y-%m-%d"])


@click.group("followups")
def followups_group() -> None:
    """Record what the provider replied, and tell staff what changes."""


@followups_group.command("reply")
@click.argument("slug", metavar="WAVE")
@click.option("--file", "file", type=READABLE, help="The reply, word for word, as plain text.")
@click.option("--received", type=DAY, help="The day on which it arrived.")
@click.option(
    "--none", "has_none", is_flag=True, help="No reply has arrived; record only the commitments."
)
@click.option(
    "--commitment",
    "commitments",
    nargs=4,
    multiple=True,
    metavar="SIDE WHAT OWNER DAY",
    help=(
        "What one side promises: provider or client, what, owner by role or name, day due. May be"
        " repeated."
    ),
)
def reply(
    slug: str,
    *,
    file: Path | None,
    received: datetime | None,
    has_none: bool,
    commitments: tuple[tuple[str, ...], ...],
) -> None:
    """Record the provider's reply to the findings.

    A second time it is a correction, a new version; nothing is overwritten.

    Example: candour followups reply it-support-2027-q1 --file reply.txt --received 2027-02-09
    """
    if has_none == (file is not None):
        raise Refused(
            "reply-not-given",
            "Say where the reply is and when it arrived, or that none has arrived.",
        )
    typed = [TypedCommitment(*values) for values in commitments]
    both_sides = read_commitments(typed)
    record = service.record_reply(
        slug,
        _read_text(file) if file else None,
        received.date() if received else None,
        both_sides,
        now(),
        actor=ACTOR,
    )
    what = "The reply is" if record.text is not None else "The commitments are"
    click.echo(
        f"{what} recorded, version {record.version}. Look at the mail to staff: candour followups"
        f" preview {waves.find_wave(slug).slug}"
    )


@followups_group.command("write")
@click.argument("slug", metavar="WAVE")
@click.option("--opening", default="", help="A line of your own to begin with.")
@click.option(
    "--changes", "changes_file", type=READABLE, help="What you yourself change, as plain text."
)
@click.option(
    "--strength",
    "strengths",
    multiple=True,
    metavar="QUESTION",
    help="In place of the rule's choice; at most two.",
)
@click.option(
    "--problem",
    "problems",
    multiple=True,
    metavar="QUESTION",
    help="In place of the rule's choice; at most two.",
)
def write(
    slug: str,
    *,
    opening: str,
    changes_file: Path | None,
    strengths: tuple[str, ...],
    problems: tuple[str, ...],
) -> None:
    """Write what the mail to staff says beside findings, reply and commitments. Sends nothing.

    Example: candour followups write it-support-2027-q1 --changes changes.txt
    """
    if len(strengths) > 2 or len(problems) > 2:
        raise Refused(
            "too-many-measures",
            "The mail names two strengths and two problems at most. Choose fewer.",
        )
    changes = _read_text(changes_file) if changes_file else ""
    follow_ups.save_draft(slug, read_draft(opening, changes, strengths, problems))
    click.echo(
        f"Saved. Look at the mail to staff: candour followups preview {waves.find_wave(slug).slug}"
    )


@followups_group.command("preview")
@click.argument("slug", metavar="WAVE")
def preview(slug: str) -> None:
    """Print the mail to staff as it would go now, and from when it may. Sends nothing.

    Example: candour followups preview latest
    """
    _print_mail(slug, None)


@followups_group.command("send")
@click.argument("slug", metavar="WAVE")
@click.option(
    "--correction",
    metavar="REASON",
    help="Send another version of a mail that went out already; its readers see the reason.",
)
@click.option("--dry-run", is_flag=True, help="Print the mail and how many get it; send nothing.")
def send(slug: str, *, correction: str | None, dry_run: bool) -> None:
    """Send the mail to everybody who was invited to the wave, whether they answered or not; once.

    Whoever stopped survey mails gets none.

    Needs shared findings, and a recorded reply or a reply that is overdue.

    Example: candour followups send it-support-2027-q1
    """
    if dry_run:
        _print_mail(slug, correction)
        return
    if correction is not None:
        correction = read_draft("", "", (), (), correction).correction
    edition = follow_ups.send_follow_up(slug, now(), actor=ACTOR, correction=correction)
    number = len(follow_ups.follow_up_readers(waves.find_wave(slug)))
    letters_are = f"{how_many(number, 'letter')} {choose_form(number, 'is', 'are')}"
    click.echo(
        f"Version {edition.version} is on its way to everybody who was invited:"
        f" {letters_are} queued."
    )
    click.echo("Whoever has stopped survey mails gets none. The mails leave with the next tick.")


@followups_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_followups(*, as_json: bool) -> None:
    """List how far the reply to each shared wave and the mail to staff are.

    When both are due, and what is there of them.

    Example: candour followups list --json
    """
    standings = follow_ups.list_standings(now())
    if as_json:
        rows = [_as_json(wave, standing) for wave, standing in standings]
        click.echo(json.dumps({"followups": rows}, ensure_ascii=False))
        return
    for wave, standing in standings:
        click.echo(f"{wave.slug}: {_in_words(standing)}")


def _print_mail(slug: str, correction: str | None) -> None:
    """Prints the mail as it would go now, and on standard error why it cannot go yet."""
    wave, at = waves.find_wave(slug), now()
    letter = sample_letter(follow_ups.preview_follow_up(slug, at, correction=correction))
    number = len(follow_ups.follow_up_readers(wave))
    click.echo(f"To: {number} who were invited, except whoever has stopped survey mails")
    click.echo(f"Subject: {letter.subject}\n")
    click.echo(letter.text)
    standing = follow_ups.follow_up_standing(wave, at)
    reason = follow_ups.why_not_yet(wave, standing) if standing else None
    if reason:
        click.echo(f"It cannot go yet. {reason}", err=True)


def _as_json(wave: Wave, standing: FollowUpStanding) -> dict[str, object]:
    """One shared wave as the list prints it in JSON: dates due, and what was recorded and sent."""
    record, edition = standing.record, standing.edition
    received = record.received if record else None
    return {
        "wave": wave.slug,
        "shared": standing.shared.isoformat(),
        "reply_due": standing.reply_due.isoformat(),
        "reply": record.version if record and standing.is_replied else None,
        "received": received.isoformat() if received else None,
        "commitments": _commitments_by_side(standing),
        "without_reply_from": standing.from_day.isoformat(),
        "due": standing.due.isoformat(),
        "overdue": standing.is_overdue,
        "sent": edition.sent.isoformat() if edition else None,
        "version": edition.version if edition else None,
        "digest": edition.digest if edition else None,
    }


def _commitments_by_side(standing: FollowUpStanding) -> dict[str, int]:
    """How many commitments each side has recorded, 0 included."""
    commitments = standing.record.commitments if standing.record else ()
    numbers = Counter(commitment.side for commitment in commitments)
    return {side.value: numbers[side] for side in Side}


def _in_words(standing: FollowUpStanding) -> str:
    """In one line when the mail was sent, else if the reply is there and what is due when."""
    if standing.edition:
        sent = named_day(standing.edition.sent)
        return f"sent on {sent}, version {standing.edition.version}"
    reply_due = named_day(standing.reply_due)
    replied = "reply recorded" if standing.is_replied else f"reply due by {reply_due}"
    deadline = "OVERDUE since" if standing.is_overdue else "due by"
    return f"{replied}, mail to staff {deadline} {named_day(standing.due)}"


def _read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; refuses anything else."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            "text-unreadable",
            f"{path} cannot be read as text in UTF-8. Save it as plain text and try again.",
        ) from error
