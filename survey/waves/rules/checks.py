"""What is refused of surveys and waves, and why."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.waves.rules.surveys import Survey
from survey.waves.rules.waves import Wave, WaveState

MINIMUM_INVITED = 8
FIRST_YEAR, LAST_YEAR = 1990, 2990


def is_zone(name: str) -> bool:
    """Whether this is a known time zone, such as Europe/London."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def check_zone(name: str) -> None:
    """Refuses a name that is not a known time zone."""
    if not is_zone(name):
        raise Refused(
            "time-zone-not-known",
            f"{name[:64]!r} is not a time zone. Write one like Europe/London or UTC.",
        )


def check_year(opens: datetime) -> None:
    """Refuses an opening before the year 1990 or after 2990.

    Such a date can only be a slip of the pen.
    """
    if not FIRST_YEAR <= opens.year <= LAST_YEAR:
        raise Refused(
            "opening-year-implausible",
            f"The wave would open in the year {opens.year}. Check the opening date.",
        )


def check_wave_length(opens: datetime, closes: datetime) -> None:
    """Refuses a wave that closes before it opens or over 92 days later, or in an implausible year.

    92 days are a quarter; the year is that of the opening, and looked at as `check_year` does.
    """
    check_year(opens)
    if closes <= opens:
        raise Refused(
            "closes-before-opening",
            f"The wave would close ({closes:%Y-%m-%d %H:%M}) before it opens"
            f" ({opens:%Y-%m-%d %H:%M}). Give a later closing date.",
        )
    if closes - opens > timedelta(days=92):
        raise Refused(
            "wave-too-long",
            "A wave may be open for 92 days at most. Give an earlier closing date.",
        )


def check_state_change(survey: Survey, to: str) -> None:
    """Refuses to bring a survey into the state it is in, and any change of an ended one."""
    if survey.state == "ended":
        raise Refused(
            "survey-ended",
            f"{survey.name} was ended, and that is for good; its record stays.",
        )
    if survey.state == to == "paused":
        raise Refused(
            "survey-paused-already",
            f"{survey.name} is paused already.",
            survey=survey.slug,
            change="resume",
        )
    if survey.state == to:
        raise Refused(
            "survey-active-already",
            f"{survey.name} is {to} already. There is nothing to resume.",
        )


def check_not_ended(survey: Survey) -> None:
    """Refuses to plan a wave for a survey that was ended."""
    if survey.state == "ended":
        raise Refused(
            "survey-ended",
            f"{survey.name} was ended, and that is for good; no wave can be planned.",
        )


def check_skips(wave: Wave) -> None:
    """Refuses to skip a wave that is not planned any more: only what is planned can be left out."""
    if wave.state is WaveState.OPEN:
        raise Refused(
            "wave-open-already",
            f"{wave.slug} is open already, so it cannot be skipped. It can be closed early, or"
            " given up unread.",
            wave=wave.slug,
        )
    if wave.state is not WaveState.PLANNED:
        raise Refused(
            "wave-not-planned",
            f"{wave.slug} is {wave.state} already; only a planned wave can be skipped.",
        )


def check_opens(wave: Wave) -> None:
    """Refuses to open a wave that is not planned any more; looks at nothing else."""
    if wave.state is not WaveState.PLANNED:
        raise Refused(
            "wave-opened-already",
            f"{wave.slug} is {wave.state} already; a wave opens once.",
            wave=wave.slug,
        )


def check_closes(wave: Wave, now: datetime, reason: str | None) -> None:
    """Refuses to close a planned or void wave, or an open one early without a reason.

    A wave that is closed or counted already is not refused.
    """
    if wave.state is WaveState.PLANNED:
        raise Refused(
            "wave-not-open-yet",
            f"{wave.slug} is not open yet, so it cannot be closed.",
            wave=wave.slug,
        )
    if wave.state is WaveState.VOID:
        raise Refused("wave-void", f"{wave.slug} is void; there is nothing to count.")
    if now < wave.closes_at and wave.state is WaveState.OPEN and not (reason or "").strip():
        raise Refused(
            "early-reason-missing",
            f"{wave.slug} is open until {wave.closes:%Y-%m-%d %H:%M} ({wave.timezone}). "
            "To close it now, say why. The reason is printed in the findings, and the wave will "
            "not count for the ladder.",
        )


def check_ceremony(wave: Wave) -> None:
    """Refuses to hand over or take back ballots of a wave that needs no representative, or not now.

    Not now is before it has closed, and after it was counted or became void.
    """
    if wave.state in {WaveState.COUNTED, WaveState.SHARED}:
        raise Refused("wave-counted", f"{wave.slug} is counted; there is nothing left to open.")
    if wave.state is WaveState.VOID:
        raise Refused("wave-void", f"{wave.slug} is void; there is nothing to open.")
    if wave.state is WaveState.OPEN and wave.is_strict:
        raise Refused(
            "wave-still-open",
            f"{wave.slug} still takes answers. Its ballots are handed over when it has closed.",
            wave=wave.slug,
        )
    if not wave.is_strict:
        raise Refused(
            "wave-without-representative",
            f"{wave.slug} is not sealed to a representative’s key, so there is no ceremony: it is"
            " counted when it closes.",
        )


def check_audience(invited: int) -> None:
    """Refuses a wave that would invite fewer than 8 people.

    It would be so small that nobody could hide in it: answers could be traced.
    """
    if invited < MINIMUM_INVITED:
        raise Refused(
            "too-few-invited",
            f"Only {how_many(invited, 'person')} would be invited; a wave needs at least"
            f" {MINIMUM_INVITED}, or answers could be traced.",
        )
