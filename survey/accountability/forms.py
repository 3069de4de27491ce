"""What the page of the provider's reply hands in, as it was typed."""

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from survey.accountability.rules.replies import MOST_COMMITMENTS, RecordedReply, TypedCommitment

FEWEST_ROWS, SPARE_ROWS = 6, 3
LARGEST_REPLY = (
    1024 * 1024
)  # so that a reply far too long comes back with a sentence, and not with an error page


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """The form on which a reply is recorded: its text, its day, whether there is none, and lines of commitments."""

    text: str
    received: str
    has_none: bool
    lines: tuple[TypedCommitment, ...]

    @property
    def rows(self) -> tuple[TypedCommitment, ...]:
        """The lines as the form shows them, with empty ones to fill in."""
        number = min(MOST_COMMITMENTS, max(FEWEST_ROWS, len(self.lines) + SPARE_ROWS))
        return (
            *self.lines,
            *[TypedCommitment("provider", "", "", "")] * (number - len(self.lines)),
        )


def reply_form(posted: MultiDict[str, str]) -> ReplyForm:
    """What was posted; lines that hold nothing at the end are left out."""
    columns = [posted.getlist(name) for name in ("side", "what", "owner", "due")]
    lines = [TypedCommitment(*cells) for cells in zip(*columns, strict=False)][
        : MOST_COMMITMENTS * 2
    ]
    while lines and lines[-1].is_empty:
        lines.pop()
    return ReplyForm(
        posted.get("reply", ""), posted.get("received", ""), posted.get("none") == "y", tuple(lines)
    )


def filled_in(known: RecordedReply | None) -> ReplyForm:
    """The form with what is recorded already, for a correction."""
    if known is None:
        return ReplyForm("", "", has_none=False, lines=())
    lines = tuple(
        TypedCommitment(one.side.value, one.what, one.owner, one.due.isoformat())
        for one in known.commitments
    )
    return ReplyForm(
        known.text or "",
        known.received.isoformat() if known.received else "",
        has_none=known.text is None,
        lines=lines,
    )
