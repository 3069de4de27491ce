"""Pages on which a manager retries, pauses, resumes and cancels the mail of a wave.

Each is a page of its own that says what the button does, and to how many letters.
"""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor, manages
from survey.console.service import wave_mail as sending
from survey.kernel.clock import now
from survey.kernel.plurals import choose_form, how_many
from survey.mail import service as mail
from survey.mail.rules.letter import LetterId
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

blueprint = Blueprint("wave_mail", __name__)


@blueprint.get("/waves/<wave>/mail")
@open_to("viewer")
def wave_mail(wave: str) -> str | Response:
    """The page of a wave's mail after the close: how many were reached; to managers, who was not.

    Before the close the wave's own page says it, so this one redirects there.
    """
    this_wave = waves.find_wave(wave)
    if this_wave.state in {WaveState.PLANNED, WaveState.OPEN}:
        return redirect(url_for("console.progress", wave=this_wave.slug))
    progress = sending.mail_of_wave(this_wave, now())
    others = progress.others
    return render_template(
        "console/wave_mail.html",
        wave=this_wave,
        sending=progress,
        missing=sending.unreached_people(this_wave) if manages() else None,
        reasons={kind: mail.failure_reasons(this_wave.slug, kind) for kind in others},
        manages=manages(),
        may_retry=any(counts.failed + counts.bounced for counts in others.values()),
    )


@blueprint.post("/waves/<wave>/mail/retry")
@open_to("manager")
def retry(wave: str) -> Response:
    """Queues one posted invitation again, or all letters that failed or came back; redirects.

    A second press does nothing.
    """
    posted = request.form.get("letter")
    letter_id = LetterId(posted) if posted else None
    number = sending.retry_wave_letters(wave, now(), letter_id, actor=current_actor())
    flash(
        f"{_letters_are(number)} queued again."
        if number
        else "Nothing was left to retry: what did not arrive is queued already."
    )
    return _to_wave_mail(wave)


@blueprint.route("/waves/<wave>/mail/cancel", methods=["GET", "POST"])
@open_to("manager")
def cancel(wave: str) -> str | Response:
    """GET asks; POST cancels what waits of a wave's mail, for good, and redirects."""
    this_wave = waves.find_wave(wave)
    waiting = sending.waiting_letters(this_wave, now())
    if request.method != "POST":
        return render_template("console/cancel_mail.html", wave=this_wave, waiting=waiting)
    number = sending.cancel_waiting_letters(this_wave.slug, now(), actor=current_actor())
    flash(f"{_letters_are(number)} cancelled." if number else f"No {waiting.noun} waited.")
    return _to_wave_mail(this_wave.slug)


@blueprint.route("/waves/<wave>/mail/pause", methods=["GET", "POST"])
@open_to("manager")
def pause(wave: str) -> str | Response:
    """GET asks; POST pauses the mail of one wave; refuses a wave that has no mail to steer."""
    this_wave = waves.find_wave(wave)
    waiting = sending.waiting_letters(this_wave, now())
    return _steer(
        partial(sending.pause_mail_of_wave, this_wave.slug, now(), actor=current_actor()),
        "The mail of this wave is paused.",
        wave=this_wave,
        waiting=waiting,
        pausing=True,
    )


@blueprint.route("/waves/<wave>/mail/resume", methods=["GET", "POST"])
@open_to("manager")
def resume(wave: str) -> str | Response:
    """GET asks; POST lets the paused mail of one wave leave again."""
    this_wave = waves.find_wave(wave)
    return _steer(
        partial(sending.resume_mail_of_wave, this_wave.slug, actor=current_actor()),
        "The mail of this wave goes on.",
        wave=this_wave,
        pause=mail.pause_of(this_wave.slug),
        pausing=False,
    )


@blueprint.route("/sending/pause", methods=["GET", "POST"])
@open_to("manager")
def pause_channel() -> str | Response:
    """GET asks; POST pauses all mail, of every wave and every type."""
    return _steer(
        partial(mail.pause_sending, actor=current_actor()),
        "Sending is paused.",
        wave=None,
        pausing=True,
    )


@blueprint.route("/sending/resume", methods=["GET", "POST"])
@open_to("manager")
def resume_channel() -> str | Response:
    """GET asks; POST resumes all mail, except of waves that are paused singly."""
    return _steer(
        partial(mail.resume_sending, actor=current_actor()),
        "Sending goes on within a few seconds.",
        wave=None,
        pause=mail.channel_state().pause,
        pausing=False,
    )


def _steer(
    act: Callable[[], None], message: str, *, wave: Wave | None, **for_page: object
) -> str | Response:
    """On GET (and HEAD) shows what the button will do; on POST calls `act` and flashes `message`.

    `wave`: whose mail it is; None for all mail. `for_page`: what the page shows besides.
    """
    if request.method != "POST":
        return render_template("console/steer_mail.html", wave=wave, **for_page)
    act()
    flash(message)
    return _to_wave_mail(wave.slug) if wave else redirect(url_for("console.dashboard"), 303)


def _to_wave_mail(wave_slug: str) -> Response:
    """A redirect (303) to the page of the wave's mail."""
    return redirect(url_for("wave_mail.wave_mail", wave=wave_slug), 303)


def _letters_are(number: int) -> str:
    """A number of letters with its verb, like "1 letter is" or "1,200 letters are"."""
    return f"{how_many(number, 'letter')} {choose_form(number, 'is', 'are')}"
