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
from survey.mail.rules.wording import MailPause, pace_in_words, time_left
from survey.mail.service import LetterCounts, mailbox_state
from survey.waves import service as waves
from survey.waves.commands import waves_group
from survey.waves.rules.waves import Wave, WaveState


@waves_group.command("status")
@click.argument("wave")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(wave: str, *, as_json: bool) -> None:
    """Show a wave's state, what was sent, and how many answered, in steps of the minimum group.

    Example: candour waves status it-support-2027-q1 --json
    """
    item = waves.find_wave(wave)
    answered = number_answered(item.id) if item.state is WaveState.OPEN else 0
    at_least = answered // item.minimum_group * item.minimum_group
    letters = (
        mail.letter_counts(item.slug)
        if item.state is not WaveState.VOID
        else LetterCounts({}, {}, ())
    )
    facts = {
        "slug": item.slug,
        "survey": item.survey,
        "state": item.state.value,
        "opens": item.opens_at.isoformat(),
        "closes": item.closes_at.isoformat(),
        "invited": item.invited,
        "answered_at_least": at_least if item.state is WaveState.OPEN else None,
        "groups": {group.name: group.invited for group in item.groups},
        "mail": {kind: counts.named() for kind, counts in letters.counts.items()},
    }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    click.echo(
        f"{item.slug}: {item.state}, {item.opens:%Y-%m-%d %H:%M} to {item.closes:%Y-%m-%d %H:%M}"
        f" ({item.timezone}), {item.invited} invited"
    )
    if (left := counting_progress(item)) and left.is_under_way:
        click.echo(f"Counting: {left.done:,} of {left.total:,} ballots opened")
    if item.state is WaveState.OPEN:
        click.echo(
            "Answers so far:"
            f" {f'at least {at_least}' if at_least else f'fewer than {item.minimum_group}'} of"
            f" {item.invited}"
        )
    _say_letters(item, letters)


@mail_group.command("status")
@click.argument("wave", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def mail_status(wave: str | None, *, as_json: bool) -> None:
    """Say what waits, went and failed and why, in numbers; nothing here tells who answered or who was reminded.

    Example: candour mail status it-support-2027-q1
    """
    item = waves.find_wave(wave) if wave else None
    is_void = item is not None and item.state is WaveState.VOID
    letters = (
        mail.letter_counts(item.slug if item else None) if not is_void else LetterCounts({}, {}, ())
    )
    if not as_json:
        _say_letters(item, letters)
        if not letters.counts and not letters.quiet:
            click.echo(
                "No letters." if not is_void else "A void wave tells nothing about its letters."
            )
        if (box := mailbox_state()).problem:
            at = f"{box.looked_at:%Y-%m-%d %H:%M} UTC" if box.looked_at else "all"
            click.echo(
                f"The bounce mailbox was not read at {at}: {box.problem}. To try now: candour mail"
                " bounces"
            )
        return
    channel, pause, pace = (
        mail.channel_state(),
        mail.pause_of(item.slug) if item else None,
        mail.stated_pace(),
    )
    reasons = (
        {kind: mail.failure_reasons(item.slug, kind) for kind in letters.counts} if item else {}
    )
    facts = {
        "letters": {kind: counts.named() for kind, counts in letters.counts.items()},
        "progress": wave_mail.confidential_progress(item, now()),
        "not_arrived_because": {kind: found for kind, found in reasons.items() if found},
        "paused_because": channel.pause.because if channel.pause else None,
        "paused_since": _iso(channel.pause),
        "wave_paused_because": pause.because if pause else None,
        "wave_paused_since": _iso(pause),
        "per_minute": pace.per_minute,
        "per_day": pace.per_day,
        "unknown_kinds": letters.unknown_kinds,
    }
    box = mailbox_state()
    facts |= (
        {"bounce_mailbox": {"looked_at": box.looked_at.isoformat(), "problem": box.problem}}
        if box.looked_at
        else {}
    )
    click.echo(json.dumps(facts, ensure_ascii=False))


@mail_group.command("retry")
@click.argument("wave")
def retry(wave: str) -> None:
    """Queue again what failed or came back. The invitations of a wave that has closed are not sent any more.

    Example: candour mail retry it-support-2027-q1
    """
    number = wave_mail.retry_wave_letters(wave, now(), actor=ACTOR)
    click.echo(f"{how_many(number, 'letter')} queued again.")


@mail_group.command("pause")
@click.argument("wave", required=False)
def pause(wave: str | None) -> None:
    """Let nothing go out until resumed, or nothing about one wave. Its dates do not move.

    Example: candour mail pause it-support-2027-q1
    """
    if wave:
        wave_mail.pause_mail_of_wave(wave, now(), actor=ACTOR)
        click.echo(f"The mail of {wave} is paused. To let it go on: candour mail resume {wave}")
        return
    mail.pause_sending(actor=ACTOR)
    click.echo("Sending is paused.")


@mail_group.command("resume")
@click.argument("wave", required=False)
def resume(wave: str | None) -> None:
    """Let letters go out again, all or those about one wave.

    Example: candour mail resume
    """
    if wave:
        wave_mail.resume_mail_of_wave(wave, actor=ACTOR)
        click.echo(f"The mail of {wave} goes on with the next tick.")
        return
    mail.resume_sending(actor=ACTOR)
    click.echo("Sending goes on with the next tick.")


def _say_letters(wave: Wave | None, letters: LetterCounts) -> None:
    """The letters in the words of the wave's page; no name, no address, no number of a reminder."""
    channel, pause = mail.channel_state(), mail.pause_of(wave.slug) if wave else None
    if channel.pause:
        click.echo(
            f"{channel.pause.says} {channel.pause.remedy_at_a_shell} To resume: candour mail resume"
        )
    elif channel.away_until:
        click.echo(
            "The mail server takes nothing at the moment. Nothing is lost; the next try is at"
            f" {channel.away_until:%H:%M} UTC."
        )
    if wave and pause:
        click.echo(
            f"The mail of {wave.slug} is paused: {pause.because}. {pause.remedy_at_a_shell} To"
            f" resume: candour mail resume {wave.slug}"
        )
    is_held = bool(channel.pause or channel.away_until or pause)
    for kind, counts in letters.counts.items():
        left = (
            ""
            if is_held
            else ", ".join(
                part
                for part in (
                    pace_in_words(mail.stated_pace()),
                    time_left(counts.waiting, mail.stated_pace()),
                )
                if part
            )
        )
        click.echo(
            f"{kind}: {counts.words()}{f' ({left} left)' if left and counts.waiting else ''}"
        )
        for why, number in (mail.failure_reasons(wave.slug, kind) if wave else {}).items():
            click.echo(f"  {number:,} x {why}")
    for kind, words in wave_mail.confidential_progress(wave, now()).items():
        click.echo(f"{kind}: {words}")
    for kind in letters.unknown_kinds:
        click.echo(
            f"{kind}: this version does not know this kind of letter, so it waits. See: candour"
            " doctor"
        )
    if wave and (told := wave_mail.unreached_in_words(wave)):
        click.echo(f"{told}.")


def _iso(pause: MailPause | None) -> str | None:
    return pause.since.isoformat() if pause and pause.since else None
