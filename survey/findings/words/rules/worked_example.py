"""The worked example of the page that explains the counting, computed by the methods themselves."""

from dataclasses import dataclass

from survey import statistics as st
from survey.charts.drawings import Range
from survey.findings.words.rules import printing, wording
from survey.statistics.measured import MeasuredPromise, list_measured_promises
from survey.statistics.planning import detectable_change
from survey.statistics.verdicts import verdict
from survey.waves.rules.waves import CONFIDENCE

# Name, invited, answered, satisfied.
GROUPS = (
    ("Sales", 14, 10, 7),
    ("Service", 15, 12, 9),
    ("Warehouse", 15, 11, 7),
    ("Finance and Legal", 14, 9, 6),
)
TARGET = 0.7
USUAL_WAVE = 40  # answers


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """58 people in four groups, of whom 42 answer; everything as the page prints it.

    A row is a group's name, invited, answered, satisfied and share. `comparison` is the comparison
    range, and `detectable` the points by which a usual wave would have to differ for it to show.
    """

    rows: tuple[tuple[str, int, int, int, str], ...]
    invited: int
    answered: int
    score: str
    range: str
    comparison: str
    target: str
    verdict: str
    weighs_as: str
    chart: Range
    detectable: str

    @property
    def silent(self) -> int:
        """How many did not answer."""
        return self.invited - self.answered


def worked_example() -> WorkedExample:
    """The example of the page on counting, computed and printed by the product's own methods."""
    strata = [
        st.Stratum(invited, (answered - satisfied, satisfied))
        for _, invited, answered, satisfied in GROUPS
    ]
    level = st.stratified_interval(strata, (0, 1), CONFIDENCE)
    process = st.stratified_process_interval(strata, (0, 1), CONFIDENCE)
    score, low, high = 100 * level.estimate, 100 * level.low, 100 * level.high
    return WorkedExample(
        rows=tuple(_row(*group) for group in GROUPS),
        invited=sum(invited for _, invited, _, _ in GROUPS),
        answered=sum(answered for _, _, answered, _ in GROUPS),
        score=f"{printing.rounded_number(score)}%",
        range=printing.range_in_words(low, high),
        comparison=printing.range_in_words(100 * process.low, 100 * process.high),
        target=printing.percent(TARGET),
        verdict=wording.VERDICTS[verdict(level, TARGET).value].lower(),
        weighs_as=printing.rounded_number(st.effective_answers(strata), 1),
        chart=Range(score, low, high, 100 * TARGET),
        detectable=printing.rounded_number(100 * detectable_change(USUAL_WAVE)),
    )


def measured_promises() -> tuple[tuple[str, str, str, str], ...]:
    """How often the methods were right in simulations, as table rows of text.

    A row is what was measured, what it must be, the worst situation and the average of all.
    """
    return tuple(_promise(check) for check in list_measured_promises())


def _row(name: str, invited: int, answered: int, satisfied: int) -> tuple[str, int, int, int, str]:
    """A group's numbers, and the satisfied among those who answered in whole per cent."""
    share = printing.rounded_number(100 * satisfied / answered)
    return name, invited, answered, satisfied, f"{share}%"


def _promise(check: MeasuredPromise) -> tuple[str, str, str, str]:
    """A check as texts: what was measured, its bound, the worst and the average."""
    side = "at least" if check.at_least else "at most"
    return (
        check.what,
        f"{side} {printing.percent(check.bound)}",
        f"{printing.rounded_number(100 * check.worst, 1)}%",
        f"{printing.rounded_number(100 * check.mean, 1)}%",
    )
