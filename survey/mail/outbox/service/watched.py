"""A channel that reports its progress, for a person at a terminal."""

from collections.abc import Callable
from time import monotonic

from survey.database import db
from survey.mail.outbox.service import progress
from survey.mail.rules.states import DeliveryAttempt
from survey.mail.rules.wording import pace_in_words, time_left
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.sender import Channel

SECONDS_BETWEEN_LOOKS = 1.0


class WatchedChannel:
    """Hands letters on to another channel, and about once a second reports how many have left.

    Only letters with public counts are counted. `say` is called with how many are done, of how
    many, and the pace and the time left in words.
    """

    def __init__(self, channel: Channel, say: Callable[[int, int, str], None]) -> None:
        self.channel = channel
        self.say = say
        self.most = 0  # letters that waited, at the most
        self.looked_at = float("-inf")  # seconds of the monotonic clock

    @property
    def name(self) -> str:
        """The name of the real channel, for people."""
        return self.channel.name

    @property
    def is_ready(self) -> bool:
        """Whether the real channel can take the next letter at once."""
        return self.channel.is_ready

    def connect(self) -> DeliveryAttempt | None:
        """Connects the real channel; None when it is ready, else the failed attempt."""
        return self.channel.connect()

    def deliver(self, message: Message) -> DeliveryAttempt:
        """Hands one letter to the real channel; first reports, if a second has passed."""
        if monotonic() - self.looked_at >= SECONDS_BETWEEN_LOOKS:
            self._report()
        return self.channel.deliver(message)

    def close(self) -> None:
        """Closes the real channel, after a last report if any letters waited."""
        if self.most:
            self._report()
        self.channel.close()

    def _report(self) -> None:
        """Counts the waiting letters and calls `say` with progress, pace and time left.

        Rolls back the session after counting.
        """
        self.looked_at = monotonic()
        waiting = sum(counts.waiting for counts in progress.letter_counts().counts.values())
        db.session.rollback()  # no snapshot is held while the server takes its time
        self.most = max(self.most, waiting)
        pace = progress.stated_pace()
        words = [pace_in_words(pace)]
        left = time_left(waiting, pace)
        if left:
            words.append(f"{left} left")
        self.say(self.most - waiting, self.most, ", ".join(filter(None, words)))
