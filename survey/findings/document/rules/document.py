"""The form of the findings document, schema 2: its fields, their units, and when one is absent.

`docs/findings.schema.json` says the same to programs, with a definition named like each class here;
a test keeps both alike.

Units: shares are 0 to 1, means are on the question's own scale, NPS is -100 to 100, a difference is
in the unit of its figure. Numbers are not rounded. Dates are ISO 8601. What may not be shown is a
block with `shown` false, words, and no number of any kind. A field said to be younger is absent
from documents that were stored before it came. Documents of schema 1 lack `audit`; they stay as
they are, with their digest, and are read and shown like the others.
"""

from typing import Literal, NotRequired, TypeAlias, TypedDict

# The last is used in a year and in a file only: in a document, lost time has a separate block.
StatisticName: TypeAlias = Literal["top2", "mean", "nps", "share", "share_over_two_hours"]


class HiddenBlock(TypedDict):
    """What replaces something hidden: no numbers; `words` is the sentence to print."""

    shown: Literal[False]
    words: str


class WavePart(TypedDict):
    """The wave that was counted: its names, days and special marks."""

    slug: str
    survey: str
    period: str  # "2027-q1", "2027-01"
    opened: str  # dates in the wave's own time zone
    closed: str
    state: str  # today's, "counted" or "shared": it alone changes, so it is no part of the digest
    imported: bool  # from another tool
    baseline: bool
    closed_early: str | None  # the reason
    quarter: NotRequired[str]  # in monthly thirds: "2027-q1"
    third: NotRequired[int | None]  # in monthly thirds: 1, 2 or 3; None for their quarter


class ShownGroup(TypedDict):
    """A reporting group as it was counted, with how many were invited and answered."""

    name: str
    invited: int
    answered: int
    shown: Literal[True]
    members: list[str]  # the groups that launching froze, one or more
    departments: NotRequired[list[str]]  # all departments in it; younger


class MergedGroup(TypedDict):
    """A group that was counted within another: it has a name and words, and no numbers."""

    name: str
    answered: None
    shown: Literal[False]
    words: str


GroupPart: TypeAlias = ShownGroup | MergedGroup


class QuestionPart(TypedDict):
    """A question as it was asked: its wording and its scale."""

    id: str
    revision: int  # counts the wordings
    name: str
    text: str  # may hold {provider} and {notice_days}
    kind: str  # "ordinal", "nps", "bracket", "choice" or "text"
    codes: list[int]  # the points of its scale, lowest first; empty for a text
    labels: list[str]  # one for each code
    opt_out: str | None  # the words of the answer "does not apply"


class ComparisonRange(TypedDict):
    """Of schema 1: the range to compare waves by, about the process behind the answers."""

    low: float
    high: float
    method: str


class ProcessRange(TypedDict):
    """An estimate with its range, about the process behind the answers."""

    estimate: float
    low: float
    high: float
    method: str


class ProcessPart(TypedDict):
    """What the answers say about the service, in two ways: for comparisons and for contracts."""

    plain: ProcessRange  # of all answers added up: anyone can compute it from two whole numbers
    stratified: ProcessRange  # groups weighted by their people, as in the measure's own value
    agree: bool  # whether both say the same of target and minimum; true without a target


class Judgement(TypedDict):
    """What a comparison says, judged within its family of comparisons (1, 2 or 3).

    Of schema 1 all comparisons were one family, and `family` held their number.
    """

    shown: Literal[True]
    estimate: float
    low: float
    high: float
    p_value: float
    q_value: NotRequired[float]  # p adjusted within the family; the first family has none
    family: int  # 1: the headline, 2: measures with a target, 3: all else
    comparisons: NotRequired[int]  # how many were judged together; younger
    direction: str  # "up", "down" or "unclear"
    verdict: str  # in words: see `judging.VerdictWords`
    detectable: float | None  # a move that would probably have been found; None: none could
    detectable_rise: NotRequired[float | None]  # None where no rise of that size is possible
    detectable_fall: NotRequired[float | None]
    mix_changed: NotRequired[Literal[True]]  # other departments were asked: nothing is clear


class DifferenceBlock(Judgement):
    """A difference, first minus second."""

    answers: list[int]  # of the first, of the second


class TrendBlock(Judgement):
    """The rise of a straight line through the last five to eight waves, over their whole span."""

    since: str  # the slug of its first wave
    opened: str  # when that opened
    quarter: NotRequired[str]  # where that is a quarter of thirds
    waves: int
    slugs: list[str]  # the waves in it, oldest first
    imported: int  # how many of them came from another tool
    first: float  # the value of the first wave, and of this one
    latest: float
    words: str  # the sentence to print


class ShownChange(DifferenceBlock):
    """The change since the newest earlier wave that asked the same question."""

    since: str  # the earlier wave's slug
    opened: str
    imported: bool
    quarter: NotRequired[str]  # where the earlier one is a quarter of thirds


class HiddenChange(TypedDict):
    """A change that is not shown, because either wave has too few answers to compare."""

    shown: Literal[False]
    words: str
    since: str
    opened: str
    imported: bool
    quarter: NotRequired[str]


ChangeBlock: TypeAlias = ShownChange | HiddenChange


class ShownFigure(TypedDict):
    """A figure with its range, about a population: all invited less those who opted out."""

    shown: Literal[True]
    estimate: float
    low: float
    high: float
    confidence: float  # of the range, 0 to 1
    method: str
    answers: int
    population: int


class CompanyFigure(ShownFigure):
    """A figure of the whole company, its groups weighted by their people (post-stratified)."""

    effective_answers: NotRequired[float]  # as many, evenly spread, weigh as much; younger
    process: ProcessPart | ProcessRange  # of schema 1 the plain range alone
    comparison: NotRequired[ComparisonRange]  # of schema 1 alone
    feasible: NotRequired[list[float]]  # of shares: low and high, whatever the others think
    target: NotRequired[float]  # this and the next four: of shares that have a target
    minimum: NotRequired[float | None]
    stretch: NotRequired[float | None]
    verdict: NotRequired[str]  # "meets", "misses" or "too close to call"
    break_even: NotRequired[float | None]  # share needed of those not answering; None: all answered
    response_odds: NotRequired[float | None]  # of the dissatisfied over the satisfied
    change: NotRequired[ChangeBlock]  # of a question's first figure, if it was asked before
    trend: NotRequired[TrendBlock]  # of a question's first figure, from five waves


class CompanyMeasure(CompanyFigure):
    """One figure of one question for the whole company."""

    question: str
    statistic: StatisticName
    group: None


class GroupMeasure(ShownFigure):
    """One figure of one question for a reporting group."""

    question: str
    statistic: StatisticName
    group: str
    against_rest: NotRequired[DifferenceBlock]  # of the first figure, from 10 answers on a side


class HiddenMeasure(TypedDict):
    """A figure that may not be shown; the words do not tell if it protects itself or another."""

    question: str
    statistic: StatisticName
    group: str | None
    shown: Literal[False]
    words: str


MeasureBlock: TypeAlias = CompanyMeasure | GroupMeasure | HiddenMeasure


class ShownDistribution(TypedDict):
    """How many of the whole company chose each point of a scale, in the order of its codes."""

    question: str
    group: None
    shown: Literal[True]
    counts: list[int]


class HiddenDistribution(TypedDict):
    """A distribution that may not be shown."""

    question: str
    group: None
    shown: Literal[False]
    words: str


DistributionBlock: TypeAlias = ShownDistribution | HiddenDistribution


class HoursRange(TypedDict):
    """The lowest and highest mean that the brackets allow, in hours a week."""

    shown: Literal[True]
    low: float
    high: float


class LostTimeBlock(TypedDict):
    """Time lost: the share that lost more than two hours a week, and how many hours that makes."""

    question: str
    share_over_2h: CompanyFigure | HiddenBlock
    hours_per_week: HoursRange | HiddenBlock


class ShownDrivers(TypedDict):
    """The questions that go together with the overall one most.

    Where `ranked`, the first of `questions` is the strongest, and the others stand behind it in the
    order in which they were asked; else the strongest is one of them. Of schema 1 all are in order
    where `ranked`, which they seldom are in truth: print the first alone as such.
    """

    shown: Literal[True]
    ranked: bool
    questions: list[str]


DriversBlock: TypeAlias = ShownDrivers | HiddenBlock


class Theme(TypedDict):
    """Words that several comments share, and how many comments."""

    words: str
    comments: int


class ShownThemes(TypedDict):
    """The most frequent themes, the most frequent first."""

    shown: Literal[True]
    themes: list[Theme]


ThemesBlock: TypeAlias = ShownThemes | HiddenBlock


class CommentsPart(TypedDict):
    """How many comments are shown here (none) and held back, and what several of them share."""

    shown: int
    held_back: int
    themes: NotRequired[ThemesBlock]  # younger


class ReaderChangePart(TypedDict):
    """From which day on other people read the comments, and who read them before, in words."""

    on: str
    names: list[str]
    role: str
    instead_of: str


class CommentReadersPart(TypedDict):
    """Who reads the comments: whom the promise named, and who replaced them until the count."""

    names: list[str]
    role: str
    changes: list[ReaderChangePart]


class YearMeasure(TypedDict):
    """One figure over a year: the mean of its waves' values; and its change since the year before.

    A wave is in from 10 answers to the question. `waves` says how many are.
    """

    question: str
    statistic: StatisticName
    waves: int
    shown: Literal[True]
    estimate: float
    low: float
    high: float
    confidence: float
    method: str
    answers: int  # of a wave, on average
    change: NotRequired[DifferenceBlock]


class ReboundPart(TypedDict):
    """By how much the lowest measure usually reads higher next time if nothing changes."""

    measures: int  # how many it is the lowest of
    rise: float  # 0 to 1
    words: str  # the sentence to print; empty below 3 points


class YearBlock(TypedDict):
    """The waves of the year up to this one, taken together, with their measures."""

    waves: list[str]  # slugs, oldest first
    measures: list[YearMeasure]


class ThirdPart(TypedDict):
    """One of the three waves that a quarter's result adds up."""

    wave: str
    period: str
    opened: str
    invited: int  # 0 where it was never opened
    answered: int | None  # None where it is void
    void: str | None  # the reason


class StaffChangesPart(TypedDict):
    """How often the staff list was changed: addresses corrected, people added and removed."""

    corrected: int
    added: int
    removed: int


class RosterPart(StaffChangesPart):
    """Changes of the staff list in the 30 days before the wave opened, and while it was open."""

    foreign_domains: int | None  # invited people with addresses elsewhere; None: not known
    while_open: StaffChangesPart  # until the answers were counted


class AuditPart(TypedDict):
    """The audit log when the document was made: its number of entries, and the newest's digest.

    The entry about the count itself names the digest of this document, so it comes after them.
    """

    head: str
    length: int


class FindingsDocument(TypedDict):
    """Everything that a wave publishes, in schema 2.

    Schema 1 lacks `audit`, `roster`, `rebound` and trends, and has one family of comparisons.
    """

    schema: Literal[1, 2]
    wave: WavePart
    provider: str
    invited: int
    answered: int
    unreadable: int  # answers that could not be opened
    response_rate: float
    minimum_group: int  # answers from which a share is shown
    minimum_detail: int  # answers from which a mean, an NPS or a distribution is shown
    groups: list[GroupPart]
    questions: list[QuestionPart]
    measures: list[MeasureBlock]
    distributions: list[DistributionBlock]
    lost_time: LostTimeBlock | None  # None where it was not asked
    drivers: NotRequired[DriversBlock | None]  # None where there is nothing to compare; younger
    comments: CommentsPart
    comment_readers: NotRequired[CommentReadersPart]  # where somebody was promised to read; younger
    year: NotRequired[YearBlock | None]  # None with too few waves; younger
    rebound: NotRequired[ReboundPart | None]  # None with fewer than two measures; from schema 2
    thirds: NotRequired[list[ThirdPart]]  # of a quarter of monthly thirds
    roster: NotRequired[RosterPart]  # from schema 2; absent of imported waves
    hidden_further: NotRequired[dict[str, int]]  # by question: groups hidden beyond the rules
    headline: str  # the overall measure's trend, if there is one, then the verdicts counted
    changed: NotRequired[str]  # its second sentence, empty where nothing changed; younger
    audit: NotRequired[AuditPart]  # from schema 2
    digest: str  # "sha256:" and the SHA-256 of the rest, as `document_digest` makes it
