"""How fast each mail server takes letters: by host name; how long an opening takes then."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from survey.kernel.hosts import is_loopback
from survey.kernel.plurals import how_many

LONG = timedelta(days=1)
_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


@dataclass(frozen=True, slots=True)
class SendingPace:
    """The most letters in a minute and in a day, all machines together; None: no limit."""

    per_minute: int | None
    per_day: int | None


UNLIMITED = SendingPace(None, None)
ANY_SERVER = SendingPace(300, None)
MICROSOFT = SendingPace(25, 8_000)  # its own limits: 30 a minute, 10,000 recipients a day
GOOGLE = SendingPace(60, 1_800)  # its own limit: 2,000 a day
GOOGLE_RELAY = SendingPace(60, 9_000)  # its own limit: 10,000 a day


def pace_for(mail_url: str, per_minute: int | None = None) -> SendingPace:
    """The limits of a mail server, known by host name; `per_minute` replaces its minute limit.

    >>> pace_for("smtp+starttls://smtp.office365.com:587")
    SendingPace(per_minute=25, per_day=8000)
    >>> pace_for("smtps://mail.northwind.example", 40)
    SendingPace(per_minute=40, per_day=None)
    >>> pace_for("smtp://localhost")
    SendingPace(per_minute=None, per_day=None)
    """
    preset = _preset(mail_url)
    return preset if per_minute is None else SendingPace(per_minute, preset.per_day)


def time_needed(letters: int, pace: SendingPace) -> timedelta:
    """How long it takes to send so many letters: full days first, then minutes.

    >>> time_needed(1_000, MICROSOFT), time_needed(12_000, MICROSOFT)
    (datetime.timedelta(seconds=2400), datetime.timedelta(days=1, seconds=9600))
    """
    daily = _daily(pace)
    days, rest = divmod(max(letters - 1, 0), daily) if daily else (0, letters - 1)
    minutes = (rest + 1) / pace.per_minute if pace.per_minute and letters else 0
    return timedelta(days=days, minutes=minutes)


def slow_opening(letters: int, pace: SendingPace, stays_open: timedelta) -> str | None:
    """A warning before a launch whose letters would take long to send; None if they do not.

    Long is over a day, or over a quarter of the time that the wave stays open.

    >>> slow_opening(12_000, MICROSOFT, timedelta(days=14))
    '12,000 letters at 8,000 a day need 2 days; the last people get theirs that much later.'
    """
    needed = time_needed(letters, pace)
    if needed <= min(LONG, stays_open / 4):
        return None
    daily = _daily(pace)
    rate = f"{daily:,} a day" if daily and needed >= LONG else f"{pace.per_minute} a minute"
    need = f"{letters:,} letters at {rate} need {_in_words(needed)}"
    if needed >= stays_open:
        return (
            f"{need}, but the wave closes after {_in_words(stays_open)}: some people would never be"
            " asked. Let it stay open longer."
        )
    return f"{need}; the last people get theirs that much later."


def _preset(mail_url: str) -> SendingPace:
    """The limits known for a server's host name; none for this machine and the catcher."""
    parts = urlsplit(mail_url)
    host = parts.hostname or ""
    if parts.scheme == "catcher" or is_loopback(host):
        return UNLIMITED
    if host.endswith((".office365.com", ".office365.us")):
        return MICROSOFT
    return {"smtp.gmail.com": GOOGLE, "smtp-relay.gmail.com": GOOGLE_RELAY}.get(host, ANY_SERVER)


def _daily(pace: SendingPace) -> int | None:
    """The limit a day; None if there is none, or if the minute's limit never lets it be reached."""
    if pace.per_minute is not None and (pace.per_day or 0) >= pace.per_minute * 24 * 60:
        return None
    return pace.per_day or None


def _in_words(time: timedelta) -> str:
    """A length of time in its largest unit, rounded up."""
    for unit, name in _UNITS:
        if time >= unit:
            number = -(-time // unit)
            return how_many(number, name)
    return "less than a minute"
