"""A wave's state and its mail, from the command line."""

import json

import click

from survey.console.service import wave_mail
from survey.counting.commands import ACTOR
from survey.counting.service import counting_progress
from survey.invitations.service.invitations import number_answered
from survey.kernel.clock import now
from survey.kernel.plurals import how_many
from survey.mail import service as mail
from survey.mail.commands import mail_group
from survey.mail.rules.wording import MailPause, StateCounts, pace_in_words, time_left
from survey.mail.service import ChannelState, LetterCounts, mailbox_state
from survey.waves import service as waves
from survey.waves.commands import waves_group
from survey.waves.rules.waves import Wave, WaveState


@waves_group.command("status")
@click.argument("slug", metavar="WAVE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(slug: str, *, as_json: bool) -> None:
    """Show a wave's state, what was sent, and how many answered, in steps of the minimum group.

    Example: candour waves status it-support-2027-q1 --json
    """
    wave = waves.find_wave(slug)
    letters = _letters_of(wave)
    at_least = _answered_at_least(wave)
    if as_json:
        click.echo(json.dumps(_status_document(wave, letters, at_least), ensure_ascii=False))
        return
    click.echo(
        f"{wave.slug}: {wave.state}, {wave.opens:%Y-%m-%d %H:%M} to {wave.closes:%Y-%m-%d %H:%M}"
        f" ({wave.timezone}), {wave.invited} invited"
    )
    counting = counting_progress(wave)
    if counting and counting.is_under_way:
        click.echo(f"Counting: {counting.done:,} of {counting.total:,} ballots opened")
    if at_least is not None:
        number = f"at least {at_least}" if at_least else f"fewer than {wave.minimum_group}"
        click.echo(f"Answers so far: {number} of {wave.invited}")
    _say_letters(wave, letters)


@mail_group.command("status")
@click.argument("slug", metavar="[WAVE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def mail_status(slug: str | None, *, as_json: bool) -> None:
    """Say what waits, went and failed and why, in numbers.

    Nothing here tells who answered or who was reminded.

    Example: candour mail status it-support-2027-q1
    """
    wave = waves.find_wave(slug) if slug else None
    letters = _letters_of(wave)
    if as_json:
        click.echo(json.dumps(_mail_document(wave, letters), ensure_ascii=False))
        return
    _say_letters(wave, letters)
    if not letters.counts and not letters.confidential:
        is_void = wave is not None and wave.state is WaveState.VOID
        click.echo("A void wave tells nothing about its letters." if is_void else "No letters.")
    mailbox = mailbox_state()
    if mailbox.problem:
        at = f"{mailbox.looked_at:%Y-%m-%d %H:%M} UTC" if mailbox.looked_at else "all"
        click.echo(
            f"The bounce mailbox was not read at {at}: {mailbox.problem}."
            " To try now: candour mail bounces"
        )


@mail_group.command("retry")
@click.argument("slug", metavar="WAVE")
def retry(slug: str) -> None:
    """Queue again what failed or came back.

    The invitations of a wave that has closed are not sent any more.

    Example: candour mail retry it-support-2027-q1
    """
    number = wave_mail.retry_wave_letters(slug, now(), actor=ACTOR)
    click.echo(f"{how_many(number, 'letter')} queued again.")


@mail_group.command("pause")
@click.argument("slug", metavar="[WAVE]", required=False)
def pause(slug: str | None) -> None:
    """Let nothing go out until resumed, or nothing about one wave. Its dates do not move.

    Example: candour mail pause it-support-2027-q1
    """
    if slug:
        wave_mail.pause_mail_of_wave(slug, now(), actor=ACTOR)
        click.echo(f"The mail of {slug} is paused. To let it go on: candour mail resume {slug}")
        return
    mail.pause_sending(actor=ACTOR)
    click.echo("Sending is paused.")


@mail_group.command("resume")
@click.argument("slug", metavar="[WAVE]", required=False)
def resume(slug: str | None) -> None:
    """Let letters go out again, all or those about one wave.

    Example: candour mail resume
    """
    if slug:
        wave_mail.resume_mail_of_wave(slug, actor=ACTOR)
        click.echo(f"The mail of {slug} goes on with the next tick.")
        return
    mail.resume_sending(actor=ACTOR)
    click.echo("Sending goes on with the next tick.")


def _letters_of(wave: Wave | None) -> LetterCounts:
    """The letter counts of one wave, or of all (None); no counts of a void wave."""
    if wave is not None and wave.state is WaveState.VOID:
        return LetterCounts({}, {}, ())
    return mail.letter_counts(wave.slug if wave else None)


def _answered_at_least(wave: Wave) -> int | None:
    """Answers of an open wave, rounded down to a multiple of the minimum group; else None."""
    if wave.state is not WaveState.OPEN:
        return None
    return number_answered(wave.id) // wave.minimum_group * wave.minimum_group


def _status_document(wave: Wave, letters: LetterCounts, at_least: int | None) -> dict[str, object]:
    """What `candour waves status --json` prints."""
    return {
        "slug": wave.slug,
        "survey": wave.survey,
        "state": wave.state.value,
        "opens": wave.opens_at.isoformat(),
        "closes": wave.closes_at.isoformat(),
        "invited": wave.invited,
        "answered_at_least": at_least,
        "groups": {group.name: group.invited for group in wave.groups},
        "mail": {kind: counts.named() for kind, counts in letters.counts.items()},
    }


def _mail_document(wave: Wave | None, letters: LetterCounts) -> dict[str, object]:
    """What `candour mail status --json` prints."""
    channel_pause = mail.channel_state().pause
    wave_pause = mail.pause_of(wave.slug) if wave else None
    pace = mail.stated_pace()
    reasons = {kind: _failure_reasons(wave, kind) for kind in letters.counts}
    document: dict[str, object] = {
        "letters": {kind: counts.named() for kind, counts in letters.counts.items()},
        "progress": wave_mail.confidential_progress(wave, now()),
        "not_arrived_because": {kind: numbers for kind, numbers in reasons.items() if numbers},
        "paused_because": channel_pause.because if channel_pause else None,
        "paused_since": _iso(channel_pause),
        "wave_paused_because": wave_pause.because if wave_pause else None,
        "wave_paused_since": _iso(wave_pause),
        "per_minute": pace.per_minute,
        "per_day": pace.per_day,
        "unknown_kinds": letters.unknown_kinds,
    }
    mailbox = mailbox_state()
    if mailbox.looked_at:
        document["bounce_mailbox"] = {
            "looked_at": mailbox.looked_at.isoformat(),
            "problem": mailbox.problem,
        }
    return document


def _say_letters(wave: Wave | None, letters: LetterCounts) -> None:
    """Prints how far the letters are, in the words of the wave's page.

    No name, no address, no number of reminders.
    """
    channel = mail.channel_state()
    wave_pause = mail.pause_of(wave.slug) if wave else None
    _say_channel(channel)
    if wave and wave_pause:
        click.echo(
            f"The mail of {wave.slug} is paused: {wave_pause.because}."
            f" {wave_pause.remedy_at_a_shell} To resume: candour mail resume {wave.slug}"
        )
    is_held = bool(channel.pause or channel.away_until or wave_pause)
    for kind, counts in letters.counts.items():
        estimate = "" if is_held else _estimate(counts)
        click.echo(f"{kind}: {counts.words()}{f' ({estimate} left)' if estimate else ''}")
        for why, number in _failure_reasons(wave, kind).items():
            click.echo(f"  {number:,} x {why}")
    for kind, progress in wave_mail.confidential_progress(wave, now()).items():
        click.echo(f"{kind}: {progress}")
    for kind in letters.unknown_kinds:
        click.echo(
            f"{kind}: this version does not know this kind of letter, so it waits."
            " See: candour doctor"
        )
    unreached = wave_mail.unreached_in_words(wave) if wave else ""
    if unreached:
        click.echo(f"{unreached}.")


def _say_channel(channel: ChannelState) -> None:
    """Prints why no letter at all leaves now (paused, or the mail server is away), if so."""
    if channel.pause:
        click.echo(
            f"{channel.pause.says} {channel.pause.remedy_at_a_shell} To resume: candour mail resume"
        )
    elif channel.away_until:
        click.echo(
            "The mail server takes nothing at the moment. Nothing is lost; the next try is at"
            f" {channel.away_until:%H:%M} UTC."
        )


def _estimate(counts: StateCounts) -> str:
    """How fast the waiting letters leave and how long that takes; "" when none waits."""
    if not counts.waiting:
        return ""
    pace = mail.stated_pace()
    parts = (pace_in_words(pace), time_left(counts.waiting, pace))
    return ", ".join(part for part in parts if part)


def _failure_reasons(wave: Wave | None, kind: str) -> dict[str, int]:
    """Why letters of this type did not arrive, with how many; {} where no wave is given."""
    return mail.failure_reasons(wave.slug, kind) if wave else {}


def _iso(pause: MailPause | None) -> str | None:
    """Since when the mail is paused, in ISO 8601; None where it is not, or that is unknown."""
    return pause.since.isoformat() if pause and pause.since else None
