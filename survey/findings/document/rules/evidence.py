"""What a wave's findings are made of beside its own cells, and what is kept out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from survey.access.rules.audit_log import EMPTY_LOG, LogHead
from survey.questionnaires.rules import Questionnaire
from survey.responses.rules import Tally
from survey.waves.rules.waves import MINIMUM_DETAIL, MINIMUM_GROUP


@dataclass(frozen=True, slots=True)
class EarlierWave:
    """An earlier published wave of the same survey: its cells, and the minimums that it froze.

    `further` is how many groups it hid beyond the rules, by question.
    """

    slug: str
    opened: date
    imported: bool
    questionnaire: Questionnaire
    tally: Tally
    minimum_group: int = MINIMUM_GROUP
    minimum_detail: int = MINIMUM_DETAIL
    further: Mapping[str, int] = field(default_factory=dict)
    quarter: str | None = None  # of a wave that adds up three thirds


@dataclass(frozen=True, slots=True)
class Third:
    """One of the three waves that a quarter's result adds up.

    Where it is void it has the reason and no number of answers.
    """

    wave: str
    period: str
    opened: date
    invited: int
    answered: int | None
    void: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What findings need beside the wave's own counts: earlier waves, comments and so on.

    `earlier` holds earlier waves, newest first. `scores` holds one string per response in no order,
    one character a question; it serves the key drivers and nothing else. `comments` are in no
    order, by question. `names` are the directory's names in small letters, which no theme may hold.
    `thirds` are those that a quarter's result adds up. `log` is the audit log as of now.
    """

    earlier: Sequence[EarlierWave] = ()
    scores: Sequence[str] = ()
    comments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    thirds: Sequence[Third] = ()
    log: LogHead = EMPTY_LOG


@dataclass(frozen=True, slots=True)
class Withholding:
    """What to leave out of a document beyond the rules, as its audit found necessary.

    `further` is how many groups to hide beyond the rules, by question; `apart` are the questions
    that are not compared with earlier waves.
    """

    further: Mapping[str, int] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
