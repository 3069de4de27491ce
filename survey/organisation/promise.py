"""The promise to the employee, word for word: the mail, the form and the page `/promise` all print these sentences."""

from dataclasses import dataclass

THRESHOLDS = (5, 10)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the sentences depend on: names, the closing date as printed, and the frozen thresholds."""

    organisation: str
    provider: str
    reader: str
    host: str
    closes: str
    minimum_group: int = THRESHOLDS[0]
    minimum_detail: int = THRESHOLDS[1]


def in_the_mail(terms: Terms, group: str, group_size: int) -> str:
    """The one sentence of the invitation, which alone can name the group that the person is counted under."""
    return (
        f"Your answers are sealed when you press Send, opened only after the survey has closed ({terms.closes}), together with everyone "
        f"else’s, and kept without your name: nobody at {terms.organisation} or {terms.provider} is shown who said what. "
        f"They are counted under {group} ({group_size} people invited)."
    )


def on_the_form(terms: Terms) -> tuple[str, ...]:
    """The six sentences of the form and of `/promise`, in order."""
    known = (
        "We know that you were invited. Until the survey closes, the system also knows whether you have answered, so that only those who "
        "have not are reminded. That mark is erased when the answers are counted."
    )
    sealed = (
        f"Your answers are encrypted when you press Send. They are opened once, after the survey has closed ({terms.closes}), all together "
        "and in random order; then the key is destroyed. No time, no device address and no cookie is kept with them."
    )
    shown = (
        f"While the survey is open nobody sees any result. Afterwards nothing is shown for fewer than {terms.minimum_group} answers; "
        f"averages, detailed distributions and comments need {terms.minimum_detail}."
    )
    final = "After Send this system has no way to look up, change or withdraw your answers, not even for you."
    written = (
        f"What you write can give you away. Leave out names, ticket numbers and dates. {terms.reader} reads every comment and decides "
        f"whether {terms.provider} may see it."
    )
    left_open = (
        f"What we cannot rule out: whoever runs the server ({terms.host}) could misuse the key before the survey closes, or change the "
        "program; whoever can read your mail could answer in your place."
    )
    return known, sealed, shown, final, written, left_open
