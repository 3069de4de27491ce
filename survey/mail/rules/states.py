"""What becomes of a letter: states, the server's answers, when to try again."""

from dataclasses import dataclass
from enum import StrEnum

REFUSES_LETTER = "the mail server refuses this letter"
REFUSES_SIGN_IN, REFUSES_SENDER = (
    "the mail server refused our sign-in",
    "the mail server refuses our sender",
)
FIRST_DELAY, LONGEST_DELAY = 10, 3600


class LetterState(StrEnum):
    """Where a letter stands."""

    READY = "ready"
    LEASED = "leased"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    BOUNCED = "bounced"


class Phase(StrEnum):
    """How far the conversation with the server had come."""

    CONNECT = "connect"
    SIGN_IN = "sign in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"


class DeliveryOutcome(StrEnum):
    """What an attempt came to."""

    SENT = "sent"
    LATER = "later"  # try this letter again after a while
    FAILED = "failed"  # this person or letter is refused
    AWAY = "away"  # the server is not there: no attempt is counted
    PAUSED = "paused"  # the server refuses us: nothing goes until somebody looks
    DROPPED = (  # the server ended a connection it had used: the letter goes over a new one, no attempt is counted
        "dropped"
    )
    LOST = "lost"  # from DATA on without an answer: nobody knows


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """An outcome with the server's code and our own words for it; never the server's text, which may quote an address."""

    outcome: DeliveryOutcome
    code: str = ""
    reason: str = ""
    slower: bool = False  # the server asks for fewer letters, not just for this one later


def judge_reply(phase: Phase, code: int, enhanced: str = "") -> DeliveryAttempt:
    """What a server's reply code means in this phase.

    >>> judge_reply(Phase.RECIPIENT, 550, "5.1.1").outcome, judge_reply(Phase.DATA, 451).outcome, judge_reply(Phase.SIGN_IN, 535).outcome
    (<DeliveryOutcome.FAILED: 'failed'>, <DeliveryOutcome.LATER: 'later'>, <DeliveryOutcome.PAUSED: 'paused'>)
    """
    shown = f"{code} {enhanced}".strip()
    if code in {530, 534, 535} or enhanced == "5.7.30" or (phase is Phase.SIGN_IN and code >= 500):
        return DeliveryAttempt(DeliveryOutcome.PAUSED, shown, REFUSES_SIGN_IN)
    if phase is Phase.SENDER and code >= 500:
        return DeliveryAttempt(DeliveryOutcome.PAUSED, shown, REFUSES_SENDER)
    slower = (
        code in {421, 432, 452}
        or (code, enhanced) == (450, "4.2.1")
        or (code == 451 and enhanced.startswith("4.7."))
    )
    if phase is Phase.CONNECT:
        reason = (
            "the mail server takes no letters from here"
            if code >= 500
            else "the mail server is busy"
        )
        return DeliveryAttempt(DeliveryOutcome.AWAY, shown, reason, slower)
    if code >= 500:
        reasons = {
            "5.1.1": "this mailbox does not exist",
            "5.2.2": "this mailbox is full",
            "5.1.2": "this domain does not exist",
        }
        general = (
            "the mail server refuses this address" if phase is Phase.RECIPIENT else REFUSES_LETTER
        )
        return DeliveryAttempt(DeliveryOutcome.FAILED, shown, reasons.get(enhanced, general))
    return DeliveryAttempt(
        DeliveryOutcome.LATER, shown, "the mail server asks us to try again later", slower
    )


def retry_delay(attempts: int, spread: float) -> float:
    """Seconds until the next try: 10, 30, 90, 270 ... at most an hour, times 0.8 to 1.2 as `spread` (0..1) says.

    >>> [retry_delay(n, 0.5) for n in (1, 2, 3, 9)]
    [10.0, 30.0, 90.0, 3600.0]
    """
    seconds = min(FIRST_DELAY * 3 ** min(max(attempts, 1) - 1, 10), LONGEST_DELAY)
    return float(seconds) * (0.8 + 0.4 * spread)
