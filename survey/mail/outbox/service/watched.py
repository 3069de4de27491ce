"""A channel that is looked at while it works, for a person at a terminal."""

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
    """Hands on to another channel and says about once a second how far the letters are whose numbers are told."""

    def __init__(self, channel: Channel, say: Callable[[int, int, str], None]) -> None:
        self.channel, self.say = channel, say
        self.most, self.looked = 0, float("-inf")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.channel.name

    @property
    def is_ready(self) -> bool:
        """Whether the next letter can go at once."""
        return self.channel.is_ready

    def connect(self) -> DeliveryAttempt | None:
        """Makes ready; None when it is, else why not."""
        return self.channel.connect()

    def deliver(self, message: Message) -> DeliveryAttempt:
        """Hands one letter over."""
        if monotonic() - self.looked >= SECONDS_BETWEEN_LOOKS:
            self._look()
        return self.channel.deliver(message)

    def close(self) -> None:
        """Says goodbye, after a last look."""
        if self.most:
            self._look()
        self.channel.close()

    def _look(self) -> None:
        self.looked = monotonic()
        waiting = sum(counts.waiting for counts in progress.letter_counts().counts.values())
        db.session.rollback()  # no snapshot is held while the server takes its time
        self.most = max(self.most, waiting)
        pace = progress.stated_pace()
        left = time_left(waiting, pace)
        self.say(
            self.most - waiting,
            self.most,
            ", ".join(
                part for part in (pace_in_words(pace), f"{left} left" if left else "") if part
            ),
        )
