"""What becomes of a letter: its states, what a server's answer means, when to try again."""

from dataclasses import dataclass
from enum import StrEnum

REFUSES_LETTER = "the mail server refuses this letter"
REFUSES_SIGN_IN = "the mail server refused our sign-in"
REFUSES_SENDER = "the mail server refuses our sender"
FIRST_DELAY, LONGEST_DELAY = 10, 3600  # seconds
_SIGN_IN_CODES = frozenset({530, 534, 535})
_REASONS = {
    "5.1.1": "this mailbox does not exist",
    "5.2.2": "this mailbox is full",
    "5.1.2": "this domain does not exist",
}


class LetterState(StrEnum):
    """The state of a letter in the outbox."""

    READY = "ready"
    LEASED = "leased"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    BOUNCED = "bounced"


class Phase(StrEnum):
    """How far the conversation with the mail server had come."""

    CONNECT = "connect"
    SIGN_IN = "sign in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"


class DeliveryOutcome(StrEnum):
    """How an attempt to hand a letter over ended."""

    SENT = "sent"
    LATER = "later"  # try this letter again after a while
    FAILED = "failed"  # this person or letter is refused
    AWAY = "away"  # the server is not there: no attempt is counted
    PAUSED = "paused"  # the server refuses us: nothing goes until somebody looks
    # The server ended a connection that was in use: the letter goes over a new one, and no attempt
    # is counted.
    DROPPED = "dropped"
    LOST = "lost"  # from DATA on without an answer: nobody knows


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """How an attempt to hand a letter over ended, the server's code and our reason.

    Never the server's text, which may quote an address.
    slower: whether the server asks for fewer letters, not just for this one later.
    """

    outcome: DeliveryOutcome
    code: str = ""
    reason: str = ""
    slower: bool = False


def judge_reply(phase: Phase, code: int, enhanced: str = "") -> DeliveryAttempt:
    """The outcome that a mail server's refusing reply code means in this phase.

    enhanced: the enhanced status code (RFC 3463), such as 5.1.1, or nothing.

    >>> judge_reply(Phase.RECIPIENT, 550, "5.1.1").outcome
    <DeliveryOutcome.FAILED: 'failed'>
    >>> judge_reply(Phase.DATA, 451).outcome, judge_reply(Phase.SIGN_IN, 535).outcome
    (<DeliveryOutcome.LATER: 'later'>, <DeliveryOutcome.PAUSED: 'paused'>)
    """
    codes = f"{code} {enhanced}".strip()
    is_final = code >= 500
    is_about_sign_in = code in _SIGN_IN_CODES or enhanced == "5.7.30"
    if is_about_sign_in or (phase is Phase.SIGN_IN and is_final):
        return DeliveryAttempt(DeliveryOutcome.PAUSED, codes, REFUSES_SIGN_IN)
    if phase is Phase.SENDER and is_final:
        return DeliveryAttempt(DeliveryOutcome.PAUSED, codes, REFUSES_SENDER)
    slower = _asks_for_fewer(code, enhanced)
    if phase is Phase.CONNECT:
        reason = "the mail server is busy"
        if is_final:
            reason = "the mail server takes no letters from here"
        return DeliveryAttempt(DeliveryOutcome.AWAY, codes, reason, slower)
    if is_final:
        reason = REFUSES_LETTER
        if phase is Phase.RECIPIENT:
            reason = "the mail server refuses this address"
        return DeliveryAttempt(DeliveryOutcome.FAILED, codes, _REASONS.get(enhanced, reason))
    reason = "the mail server asks us to try again later"
    return DeliveryAttempt(DeliveryOutcome.LATER, codes, reason, slower)


def _asks_for_fewer(code: int, enhanced: str) -> bool:
    """Whether a reply asks for fewer letters, not just for this one later."""
    if code == 450:
        return enhanced == "4.2.1"
    if code == 451:
        return enhanced.startswith("4.7.")
    return code in {421, 432, 452}


def retry_delay(attempts: int, spread: float) -> float:
    """Seconds until the next try: 10, 30, 90, 270 ..., at most an hour, varied by a fifth.

    Varied means: times 0.8 to 1.2, as `spread` (0 to 1) says.

    >>> [retry_delay(n, 0.5) for n in (1, 2, 3, 9)]
    [10.0, 30.0, 90.0, 3600.0]
    """
    exponent = min(max(attempts, 1) - 1, 10)
    seconds = min(FIRST_DELAY * 3**exponent, LONGEST_DELAY)
    return float(seconds) * (0.8 + 0.4 * spread)
