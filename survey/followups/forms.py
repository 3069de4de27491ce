"""What the page of the follow-up mail hands in, as it was typed."""

from collections.abc import Sequence
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from survey.followups.rules.follow_up import FollowUpDraft


@dataclass(frozen=True, slots=True)
class MailForm:
    """The form on which the mail is written, as typed and not checked yet."""

    opening: str
    changes: str
    strengths: tuple[str, ...]
    problems: tuple[str, ...]
    correction: str = ""


def mail_form(posted: MultiDict[str, str]) -> MailForm:
    """The form as it was posted, not checked yet; at most two strengths and two problems."""
    return MailForm(
        opening=posted.get("opening", ""),
        changes=posted.get("changes", ""),
        strengths=tuple(posted.getlist("strength")[:2]),
        problems=tuple(posted.getlist("problem")[:2]),
        correction=posted.get("correction", ""),
    )


def as_saved(draft: FollowUpDraft) -> MailForm:
    """The form filled with a saved draft."""
    return MailForm(
        opening=draft.opening,
        changes=draft.changes,
        strengths=_fill_to_two(draft.strengths),
        problems=_fill_to_two(draft.problems),
        correction=draft.correction,
    )


def _fill_to_two(chosen: Sequence[str]) -> tuple[str, ...]:
    """Exactly two choices, as many as the form has fields; "" for one left to the rule."""
    return (*chosen, "", "")[:2]
