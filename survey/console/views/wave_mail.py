"""The manager's hand on the mail: retry, pause, resume and cancel, each on a page of its own that says what it does to how many."""

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
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

blueprint = Blueprint("wave_mail", __name__)


@blueprint.get("/waves/<wave>/mail")
@open_to("viewer")
def wave_mail(wave: str) -> str | Response:
    """After the close: how many were reached, and whom the invitations did not reach. Before, the wave's own page says it."""
    item = waves.find_wave(wave)
    if item.state in {WaveState.PLANNED, WaveState.OPEN}:
        return redirect(url_for("console.progress", wave=item.slug))
    found = sending.mail_of_wave(item, now())
    facts = {
        "wave": item,
        "sending": found,
        "missing": sending.unreached_people(item) if manages() else None,
    }
    facts |= {
        "reasons": {kind: mail.failure_reasons(item.slug, kind) for kind in found.others},
        "manages": manages(),
    }
    facts |= {"may_retry": any(counts.failed + counts.bounced for counts in found.others.values())}
    return render_template("console/wave_mail.html", **facts)


@blueprint.post("/waves/<wave>/mail/retry")
@open_to("manager")
def retry(wave: str) -> Response:
    """One invitation once more, or all that did not arrive; a second press finds nothing to do."""
    number = sending.retry_wave_letters(
        wave, now(), request.form.get("letter") or None, actor=current_actor()
    )
    flash(
        f"{_letters(number)} queued again."
        if number
        else "Nothing was left to retry: what did not arrive is queued already."
    )
    return _back(wave)


@blueprint.route("/waves/<wave>/mail/cancel", methods=["GET", "POST"])
@open_to("manager")
def cancel(wave: str) -> str | Response:
    """Takes back what waits, for good."""
    item = waves.find_wave(wave)
    found = sending.waiting_letters(item, now())
    if request.method == "POST":
        number = sending.cancel_waiting_letters(item.slug, now(), actor=current_actor())
        flash(f"{_letters(number)} cancelled." if number else f"No {found.noun} waited.")
        return _back(item.slug)
    return render_template("console/cancel_mail.html", wave=item, waiting=found)


@blueprint.route("/waves/<wave>/mail/pause", methods=["GET", "POST"])
@open_to("manager")
def pause(wave: str) -> str | Response:
    """Lets the letters of one wave wait."""
    item = waves.find_wave(wave)
    found = sending.waiting_letters(item, now())
    act = partial(sending.pause_mail_of_wave, item.slug, now(), actor=current_actor())
    return _steer(act, "The mail of this wave is paused.", wave=item, waiting=found, pausing=True)


@blueprint.route("/waves/<wave>/mail/resume", methods=["GET", "POST"])
@open_to("manager")
def resume(wave: str) -> str | Response:
    """Lets the letters of one wave leave again."""
    item = waves.find_wave(wave)
    act = partial(sending.resume_mail_of_wave, item.slug, actor=current_actor())
    return _steer(
        act,
        "The mail of this wave goes on.",
        wave=item,
        held=mail.pause_of(item.slug),
        pausing=False,
    )


@blueprint.route("/sending/pause", methods=["GET", "POST"])
@open_to("manager")
def pause_channel() -> str | Response:
    """Lets all letters wait, whatever they are about."""
    return _steer(
        lambda: mail.pause_sending(actor=current_actor()),
        "Sending is paused.",
        wave=None,
        pausing=True,
    )


@blueprint.route("/sending/resume", methods=["GET", "POST"])
@open_to("manager")
def resume_channel() -> str | Response:
    """Lets all letters leave again."""
    done = "Sending goes on within a few seconds."
    return _steer(
        lambda: mail.resume_sending(actor=current_actor()),
        done,
        wave=None,
        held=mail.channel_state().pause,
        pausing=False,
    )


def _steer(act: Callable[[], None], done: str, **facts: object) -> str | Response:
    """GET says what the button will do, POST does it."""
    if request.method == "GET":
        return render_template("console/steer_mail.html", **facts)
    act()
    flash(done)
    wave = facts["wave"]
    return (
        _back(wave.slug) if isinstance(wave, Wave) else redirect(url_for("console.dashboard"), 303)
    )


def _back(wave: str) -> Response:
    return redirect(url_for("wave_mail.wave_mail", wave=wave), 303)


def _letters(number: int) -> str:
    return f"{how_many(number, 'letter')} {choose_form(number, 'is', 'are')}"
