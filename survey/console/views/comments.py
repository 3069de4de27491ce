"""The page on which a named reader reads comments one by one and decides what may leave."""

from dataclasses import dataclass

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_account, current_actor
from survey.access.service.programs import tell_program
from survey.access.service.sessions import is_first_in_session
from survey.findings.comments.rules import (
    KnownNames,
    cut_at_warnings,
    find_warnings,
    known_names,
)
from survey.findings.comments.service import (
    CommentReview,
    comments_under_review,
    decide_on_comment,
    note_comments_opened,
)
from survey.kernel.errors import NotAllowed, Refused
from survey.people.service.directory import list_people
from survey.responses.rules import CommentId
from survey.responses.service.comments import Comment, ReviewState

LISTED_AT_ONCE = 25
MESSAGES = {
    ReviewState.RELEASED: "Released: it can go to the provider when you share.",
    ReviewState.REDACTED: "Redacted: what is left can go to the provider when you share.",
    ReviewState.HELD: "Held back: it goes nowhere.",
}
blueprint = Blueprint("comments", __name__)


@dataclass(frozen=True, slots=True)
class CommentView:
    """One comment for the review page, cut at its warnings; its group only where safe to name.

    `group` is None where naming it could show who wrote. `pieces`: the text in order, cut at the
    warnings; each with why to look twice, empty where there is no warning.
    """

    comment: Comment
    group: str | None
    pieces: tuple[tuple[str, str], ...]

    @property
    def warned(self) -> tuple[tuple[str, str], ...]:
        """The pieces that carry a warning, each once, as (text, why to look twice)."""
        return tuple(dict.fromkeys(piece for piece in self.pieces if piece[1]))


@blueprint.route("/findings/<wave>/comments", methods=["GET", "POST"])
@open_to("manager")
def comments(wave: str) -> str | Response:
    """GET lists comments to review; POST releases, redacts or holds one back, then redirects.

    Each comes with its warnings and what can be decided about it. A refused decision shows the page
    again with what was typed. Only for whom the wave's promise names; the first page in each
    sitting is an entry of the audit log.
    """
    if request.method != "POST":
        return _comments_page(wave)
    try:
        decided = decide_on_comment(
            wave,
            CommentId(request.form.get("comment", "")),
            request.form.get("decision", ""),
            account=current_account(),
            offered=request.form.get("text"),
            actor=current_actor(),
        )
    except NotAllowed:
        raise
    except Refused as refused:
        tell_program(refused)
        return _comments_page(wave, refused)
    flash(MESSAGES[decided.review])
    return redirect(url_for("comments.comments", wave=wave, show=_listed_state()), 303)


def _comments_page(wave_slug: str, problem: Refused | None = None) -> Response:
    """The review page; after a refused decision (`problem`) with what was typed, and status 400."""
    account = current_account()
    review = comments_under_review(wave_slug, account)
    if is_first_in_session(f"comments of {review.findings.wave.slug}"):
        note_comments_opened(review.findings.wave.slug, account, actor=current_actor())
    posted_id = CommentId(request.form.get("comment", ""))
    listed, more = _list_comments(review, first=posted_id if problem else None)
    listed_ids = {view.comment.id for _, views in listed for view in views}
    page = render_template(
        "console/comments.html",
        findings=review.findings,
        counts=review.counts,
        state=_listed_state(),
        listed=listed,
        more=more,
        problem=problem,
        typed=request.form.get("text", ""),
        posted_id=posted_id,
        is_listed=posted_id in listed_ids,
    )
    return make_response(page, 400 if problem else 200)


def _listed_state() -> ReviewState:
    """The review state to list: `show` in the address where it names one, else UNREAD."""
    wanted = request.args.get("show", "")
    return ReviewState(wanted) if wanted in list(ReviewState) else ReviewState.UNREAD


def _list_comments(
    review: CommentReview, first: CommentId | None
) -> tuple[list[tuple[str, list[CommentView]]], int]:
    """Up to 25 comments of the listed state, by question, and how many more there are.

    `first`: the comment that a problem is about, if any; it and its question come first.
    """
    names = _names_of_people()
    state = _listed_state()
    listed: list[tuple[str, list[CommentView]]] = []
    room, more = LISTED_AT_ONCE, 0
    for question in sorted(
        review.questions,
        key=lambda question: all(comment.id != first for comment in question.comments),
    ):
        due = [
            comment
            for comment in question.comments
            if comment.review is state or comment.id == first
        ]
        due.sort(key=lambda comment: comment.id != first)
        views = [_view(comment, review, names) for comment in due[:room]]
        if views:
            listed.append((question.question, views))
        room -= len(views)
        more += len(due) - len(views)
    return listed, more


def _names_of_people() -> KnownNames:
    """The names and addresses of everybody in the staff directory, to find them in comments."""
    people = list_people()
    return known_names((person.name for person in people), (person.email for person in people))


def _view(comment: Comment, review: CommentReview, names: KnownNames) -> CommentView:
    """One comment cut at its warnings; `group` is None unless `review.named` holds it."""
    warnings = find_warnings(comment.text, names)
    return CommentView(
        comment=comment,
        group=comment.group if comment.group in review.named else None,
        pieces=cut_at_warnings(comment.text, warnings),
    )
