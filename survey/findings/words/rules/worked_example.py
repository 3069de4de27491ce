"""The worked example of the page that explains the counting, computed by the methods themselves."""

from dataclasses import dataclass

from survey import statistics as st
from survey.charts.drawings import Range
from survey.findings.words.rules import printing, wording
from survey.findings.words.rules.would_show import moves_in_words
from survey.statistics.verdicts import verdict
from survey.waves.rules.waves import CONFIDENCE

# Name, invited, answered, satisfied.
GROUPS = (
    ("Sales", 14, 10, 7),
    ("Service", 15, 12, 9),
    ("Warehouse", 15, 11, 7),
    ("Finance and Legal", 14, 9, 6),
)
_NUMBERS = [numbers for _, *numbers in GROUPS]
TARGET = 0.7


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """58 people in four groups, of whom 42 answer; everything as the page prints it.

    A row is a group's name, invited, answered, satisfied and share. `comparison` is the comparison
    range, `weighs_as` what the answers count like. `needed` of those who did not answer would have
    to be satisfied for the target to be met; `odds` is how many times as eager to answer the
    `eager` side would have been if it just is. `moves` are the changes that would have shown.
    """

    rows: tuple[tuple[str, int, int, int, str], ...]
    invited: int
    answered: int
    satisfied: int
    score: str
    range: str
    comparison: str
    target: str
    verdict: str
    weighs_as: str
    chart: Range
    needed: int
    odds: str
    eager: str
    moves: str

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
    invited, answered, satisfied = (sum(numbers) for numbers in zip(*_NUMBERS, strict=True))
    level = st.stratified_interval(strata, (0, 1), CONFIDENCE)
    process = st.stratified_process_interval(strata, (0, 1), CONFIDENCE)
    score, low, high = 100 * level.estimate, 100 * level.low, 100 * level.high
    effective = st.effective_answers(strata)
    odds, eager = _eagerness(satisfied, answered, invited)
    return WorkedExample(
        rows=tuple(_row(*group) for group in GROUPS),
        invited=invited,
        answered=answered,
        satisfied=satisfied,
        score=f"{printing.rounded_number(score)}%",
        range=printing.range_in_words(low, high),
        comparison=printing.range_in_words(100 * process.low, 100 * process.high),
        target=printing.percent(TARGET),
        verdict=wording.VERDICTS[verdict(level, TARGET).value].lower(),
        weighs_as=printing.rounded_number(effective, 1),
        chart=Range(score, low, high, 100 * TARGET),
        needed=st.break_even_people(satisfied, answered, invited, TARGET) or 0,
        odds=odds,
        eager=eager,
        moves=moves_in_words(
            st.detectable_moves(level.estimate, (effective, effective), 1, CONFIDENCE)
        ),
    )


def _eagerness(satisfied: int, answered: int, invited: int) -> tuple[str, str]:
    """How many times as eager to answer one side was if the target is just met, and which side.

    The example is none where no silence could bring the target about.
    """
    found = st.response_odds(satisfied, answered, invited, TARGET)
    assert found
    side = "satisfied" if found.by_satisfied else "dissatisfied"
    return printing.rounded_number(found.times, 1), side


def _row(name: str, invited: int, answered: int, satisfied: int) -> tuple[str, int, int, int, str]:
    """A group's numbers, and the satisfied among those who answered in whole per cent."""
    share = printing.rounded_number(100 * satisfied / answered)
    return name, invited, answered, satisfied, f"{share}%"
