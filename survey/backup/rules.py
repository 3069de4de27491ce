"""What a restore takes from the copy, and what from the database that it replaces."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many


class TakenFrom(Enum):
    """Where the rows of a table come from when both databases can be read."""

    COPY = "the copy, for these are what one restores"
    FURTHER = "the database whose waves are further: the present one, except after a mistake"
    PRESENT = "the present database, so that nobody who was removed comes back"
    MERGED = "both, row by row; the service says how"
    NOWHERE = "neither: it opens a door, or is work under way"


# Every table of the schema; a test compares. A table of letters, of waves, or of whatever hangs on
# them is FURTHER, as a whole, so that nothing of one history is mixed with another.
TABLES: dict[str, TakenFrom] = {
    "address_notice": TakenFrom.FURTHER,
    "address_proposal": TakenFrom.FURTHER,
    "alembic_version": TakenFrom.COPY,
    "assigned_third": TakenFrom.FURTHER,
    "audit_entry": TakenFrom.MERGED,
    "ballot": TakenFrom.FURTHER,
    "bounce_box": TakenFrom.FURTHER,
    "co_key": TakenFrom.FURTHER,
    "comment": TakenFrom.FURTHER,
    "contact": TakenFrom.MERGED,
    "findings": TakenFrom.FURTHER,
    "follow_up": TakenFrom.FURTHER,
    "follow_up_draft": TakenFrom.FURTHER,
    "heartbeat": TakenFrom.FURTHER,
    "history_import": TakenFrom.FURTHER,
    "holiday": TakenFrom.COPY,
    "invitation": TakenFrom.FURTHER,
    "letter_total": TakenFrom.FURTHER,
    "long_job": TakenFrom.FURTHER,
    "mail_budget": TakenFrom.FURTHER,
    "mail_channel": TakenFrom.FURTHER,
    "mail_pause": TakenFrom.FURTHER,
    "organisation": TakenFrom.COPY,
    "outage": TakenFrom.FURTHER,
    "outbox": TakenFrom.FURTHER,
    "person": TakenFrom.MERGED,
    "provider": TakenFrom.MERGED,
    "questionnaire_version": TakenFrom.MERGED,
    "reply": TakenFrom.FURTHER,
    "response": TakenFrom.FURTHER,
    "role": TakenFrom.PRESENT,
    "session": TakenFrom.NOWHERE,
    "sharing": TakenFrom.FURTHER,
    "sign_in_link": TakenFrom.NOWHERE,
    "staff_change": TakenFrom.FURTHER,
    "staff_file": TakenFrom.NOWHERE,
    "stop": TakenFrom.MERGED,
    "stop_code": TakenFrom.MERGED,
    "survey": TakenFrom.MERGED,
    "token": TakenFrom.FURTHER,
    "user": TakenFrom.PRESENT,
    "user_role": TakenFrom.PRESENT,
    "wave": TakenFrom.FURTHER,
    "wave_group": TakenFrom.FURTHER,
}


def tables_from(origin: TakenFrom) -> tuple[str, ...]:
    """The names of the tables whose rows come from there, sorted."""
    return tuple(sorted(name for name, taken_from in TABLES.items() if taken_from is origin))


class Ancestry(Enum):
    """How the present database stands to the copy, told from the two audit logs."""

    NONE = "there is no present database"
    UNREADABLE = "the present database cannot be read"
    FOREIGN = "the two logs have no entry in common"
    LATER = "the present log goes on where that of the copy ends"
    EARLIER = "the copy's log goes on where the present one ends"
    PARTED = "both logs went on after the same entry"

    @property
    def is_shared(self) -> bool:
        """Whether both are databases of one installation, so that rows can be carried over."""
        return self in {Ancestry.LATER, Ancestry.EARLIER, Ancestry.PARTED}


@dataclass(frozen=True, slots=True)
class Contents:
    """What one database holds, in numbers; `waves` are lines on waves that are not planned.

    `newest_at`, `length` and `head` are of its audit log: the time of the newest entry, the number
    of entries, and the digest of the newest.
    """

    waves: tuple[str, ...]
    ballots: int
    stops: int
    erasures: int
    people: int
    users: int
    newest_at: datetime | None
    length: int
    head: str

    def lines(self) -> tuple[str, ...]:
        """The numbers as lines for whoever decides."""
        at = f"{self.newest_at:%Y-%m-%d %H:%M:%S} UTC" if self.newest_at else "none"
        people = (
            f"{how_many(self.people, 'person')} in the directory, of whom {self.stops:,} stopped"
            f" their mails; {how_many(self.erasures, 'erasure')} in the log;"
            f" {how_many(self.users, 'user')}"
        )
        return (
            f"newest entry of the audit log: {at} ({self.length:,} in all)",
            people,
            f"{how_many(self.ballots, 'ballot')} of open waves",
            *(self.waves or ("no wave was opened",)),
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the copy and the present database hold, and what each has that the other lacks.

    `only_present` and `only_copy` are lines on what waves have in one alone; `lost_answers` is the
    number of ballots and counted answers that only the present database has; `ended_waves` are the
    slugs of waves that have ended there and run in the copy; `common` are the number and the digest
    of the last entry that both audit logs have; `untraced` says that somebody was erased since by a
    version that kept no trace of whom; `fault` is why the present database could not be read.
    """

    history: Ancestry
    copy: Contents
    present: Contents | None = None
    only_present: tuple[str, ...] = ()
    only_copy: tuple[str, ...] = ()
    lost_answers: int = 0
    ended_waves: tuple[str, ...] = ()
    common: tuple[int, str] | None = None
    untraced: bool = False
    fault: str = ""

    @property
    def is_present_further(self) -> bool:
        """Whether the waves are taken from the present database, when what is newer is kept."""
        if not self.history.is_shared or self.only_copy:
            return False
        return self.history is not Ancestry.EARLIER or bool(self.only_present)

    def takes_waves(self, *, keeps_newer: bool) -> bool:
        """Whether the waves, with all that hangs on them, come from the present database."""
        return keeps_newer and self.is_present_further

    def check_carrying(self) -> None:
        """Refuses to keep the newer where each side has what the other lacks, or all is foreign."""
        if self.history.is_shared and self.only_present and self.only_copy:
            raise Refused(
                "restore-would-mix",
                "Each of the two databases has answers or results that the other lacks, and no"
                " program can put them together: nobody knows which ballots belong to the same"
                " people. Nothing was changed.",
                details=(
                    *(f"only in the present database: {line}" for line in self.only_present),
                    *(f"only in the copy: {line}" for line in self.only_copy),
                ),
                lost=str(self.lost_answers),
            )
        is_in_use = self.present and (self.present.waves or self.present.people)
        if self.history is Ancestry.FOREIGN and is_in_use:
            raise Refused(
                "restore-of-other-installation",
                "The copy is of another installation than the database, or of one so old that"
                " nothing connects the two, so nothing can be carried over. Nothing was changed.",
                lost=str(self.lost_answers),
            )

    def check_losing(self, typed: int) -> None:
        """Refuses to lose another number of answers than was typed."""
        if typed != self.lost_answers:
            raise Refused(
                "other-number-of-answers",
                f"Not {how_many(typed, 'answer')} would be lost but"
                f" {how_many(self.lost_answers, 'answer')}. Nothing was changed. Look again at what"
                " both databases hold.",
                lost=str(self.lost_answers),
            )


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: where the old database is, and what of it was carried over.

    `carried` and `lost` are numbers by name, as the audit log has them; None where nobody knows.
    """

    set_aside: str | None
    carried: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int | None] = field(default_factory=dict)
    voided: tuple[str, ...] = ()
    is_mail_paused: bool = False


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A copy that was made: the file, its octets, and whether the audit log could take note."""

    file: Path
    size: int
    is_recorded: bool
