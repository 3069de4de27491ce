"""The page on which a manager reads comments one by one and decides what may leave."""

from dataclasses import dataclass

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.findings.comments.rules import cut_at_warnings, find_warnings, known_names
from survey.findings.comments.service import CommentReview, comments_under_review, decide_on_comment
from survey.kernel.errors import Refused
from survey.people.service.directory import list_people
from survey.responses.service.comments import Comment, ReviewState

AT_ONCE = 25
SAID = {
    ReviewState.RELEASED: "Released: it can go to the provider when you share.",
    ReviewState.REDACTED: "Redacted: what is left can go to the provider when you share.",
    ReviewState.HELD: "Held back: it goes nowhere.",
}
blueprint = Blueprint("comments", __name__)


@dataclass(frozen=True, slots=True)
class CommentView:
    """One comment as it is read: in pieces, each with what it is warned about, and the words of all its warnings."""

    comment: Comment
    group: str | None
    pieces: tuple[tuple[str, str], ...]

    @property
    def warned(self) -> tuple[tuple[str, str], ...]:
        """Each warned piece once, with why."""
        return tuple(dict.fromkeys(piece for piece in self.pieces if piece[1]))


@blueprint.route("/findings/<wave>/comments", methods=["GET", "POST"])
@open_to("manager")
def comments(wave: str) -> str | Response:
    """Comments with their warnings and what can be done with each; a decision that does not fit keeps what was typed."""
    problem, form = None, request.form
    if request.method == "POST":
        try:
            decided = decide_on_comment(
                wave,
                form.get("comment", ""),
                form.get("decision", ""),
                offered=form.get("text"),
                actor=current_actor(),
            )
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(SAID[decided.review])
            return redirect(url_for("comments.comments", wave=wave, show=_shown()), 303)
    desk = comments_under_review(wave)
    listed, more = _listed(desk, first=form.get("comment", "") if problem else "")
    facts = {
        "found": desk.findings,
        "counts": desk.counts,
        "shown": _shown(),
        "listed": listed,
        "more": more,
        "problem": problem,
    }
    is_listed = any(
        reading.comment.id == form.get("comment") for _, readings in listed for reading in readings
    )
    facts |= {"typed": form.get("text", ""), "at": form.get("comment", ""), "is_listed": is_listed}
    return make_response(render_template("console/comments.html", **facts), 400 if problem else 200)


def _shown() -> ReviewState:
    """Which comments are listed: those of one state, unread ones unless the address says otherwise."""
    asked = request.args.get("show", "")
    return ReviewState(asked) if asked in list(ReviewState) else ReviewState.UNREAD


def _listed(desk: CommentReview, first: str) -> tuple[list[tuple[str, list[CommentView]]], int]:
    """Up to 25 comments of the state that is shown, by question and warned about, and how many more there are.

    The one that a problem is about comes first.
    """
    people = list_people()
    known = known_names((person.name for person in people), (person.email for person in people))
    listed, left, more = [], AT_ONCE, 0
    for written in sorted(
        desk.questions, key=lambda written: all(comment.id != first for comment in written.comments)
    ):
        due = [
            comment
            for comment in written.comments
            if comment.review is _shown() or comment.id == first
        ]
        due.sort(key=lambda comment: comment.id != first)
        chosen, left, more = due[:left], max(0, left - len(due)), more + max(0, len(due) - left)
        readings = [
            CommentView(
                comment,
                comment.group if comment.group in desk.named else None,
                cut_at_warnings(comment.text, find_warnings(comment.text, known)),
            )
            for comment in chosen
        ]
        listed += [(written.question, readings)] if readings else []
    return listed, more
