"""What the page of the provider's reply hands in, as it was typed."""

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from survey.accountability.rules.replies import MOST_COMMITMENTS, RecordedReply, TypedCommitment

FEWEST_ROWS, SPARE_ROWS = 6, 3
# Bytes of a request: so large that a reply far too long comes back with a sentence, and not with an
# error page.
LARGEST_REPLY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """The form on which a reply is recorded, as typed and not checked yet."""

    text: str
    received: str
    has_none: bool
    lines: tuple[TypedCommitment, ...]

    @property
    def rows(self) -> tuple[TypedCommitment, ...]:
        """The typed lines and, up to 20 in all, empty ones to fill in."""
        number = max(FEWEST_ROWS, len(self.lines) + SPARE_ROWS)
        empty = TypedCommitment("provider", "", "", "")
        missing = min(MOST_COMMITMENTS, number) - len(self.lines)
        return (*self.lines, *[empty] * missing)


def reply_form(posted: MultiDict[str, str]) -> ReplyForm:
    """The form as posted, not checked yet; empty lines at its end are left out."""
    columns = [posted.getlist(name) for name in ("side", "what", "owner", "due")]
    lines = [TypedCommitment(*cells) for cells in zip(*columns, strict=False)]
    lines = lines[: MOST_COMMITMENTS * 2]
    while lines and lines[-1].is_empty:
        lines.pop()
    return ReplyForm(
        text=posted.get("reply", ""),
        received=posted.get("received", ""),
        has_none=posted.get("none") == "y",
        lines=tuple(lines),
    )


def filled_in(record: RecordedReply | None) -> ReplyForm:
    """The form filled with what is recorded already, for a correction; empty if nothing is."""
    if record is None:
        return ReplyForm("", "", has_none=False, lines=())
    lines = tuple(
        TypedCommitment(
            commitment.side.value,
            commitment.what,
            commitment.owner,
            commitment.due.isoformat(),
        )
        for commitment in record.commitments
    )
    return ReplyForm(
        text=record.text or "",
        received=record.received.isoformat() if record.received else "",
        has_none=record.text is None,
        lines=lines,
    )
