"""What the page of the closing mail hands in, as it was typed."""

from collections.abc import Sequence
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from survey.followups.rules.follow_up import FollowUpDraft


@dataclass(frozen=True, slots=True)
class MailForm:
    """The form on which the mail is written, as it was typed."""

    opening: str
    changes: str
    strengths: tuple[str, ...]
    problems: tuple[str, ...]
    correction: str = ""


def mail_form(posted: MultiDict[str, str]) -> MailForm:
    """What was posted."""
    chosen = {name: tuple(posted.getlist(name)[:2]) for name in ("strength", "problem")}
    return MailForm(
        posted.get("opening", ""),
        posted.get("changes", ""),
        chosen["strength"],
        chosen["problem"],
        posted.get("correction", ""),
    )


def as_saved(draft: FollowUpDraft) -> MailForm:
    """The form with what was saved."""
    return MailForm(
        draft.opening, draft.changes, _two(draft.strengths), _two(draft.problems), draft.correction
    )


def _two(chosen: Sequence[str]) -> tuple[str, ...]:
    return (*chosen, "", "")[:2]
