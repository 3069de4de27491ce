"""The promise to the employee, word for word: the mail, the form and the page `/promise` all print these sentences."""

from dataclasses import dataclass

from survey.languages import ENGLISH, Voice

THRESHOLDS = (5, 10)
_OF_AN_ATTACK = ("what", "linked", "chance", "limit", "fault_caught")


@dataclass(frozen=True, slots=True)
class AttackResult:
    """One attack of the suite as it last ran: how many answers it could link to people, by chance alone, at most allowed."""

    what: str
    linked: str
    chance: str
    limit: str
    fault_caught: bool
    of: str = ""  # how many answers were attacked


@dataclass(frozen=True, slots=True)
class PromiseTerms:
    """What the sentences depend on: names, the closing date as printed, and the frozen thresholds."""

    organisation: str
    provider: str
    reader: str
    host: str
    closes: str
    minimum_group: int = THRESHOLDS[0]
    minimum_detail: int = THRESHOLDS[1]
    representatives: tuple[str, ...] = ()  # strict tier: who holds a second key


def read_attack_report(report: object) -> tuple[AttackResult, ...]:
    """The attacks in the report of the suite; none when it is not such a report, for half a table would promise too much.

    >>> read_attack_report({"attacks": [{"what": "times", "linked": 0, "chance": 1.0, "limit": 4, "fault_caught": True}]})
    (AttackResult(what='times', linked='0', chance='1.0', limit='4', fault_caught=True, of=''),)
    """
    listed = report.get("attacks") if isinstance(report, dict) else None
    if not isinstance(listed, list) or not all(
        isinstance(one, dict) and set(_OF_AN_ATTACK) <= set(one) for one in listed
    ):
        return ()
    return tuple(_attack(one) for one in listed)


def _attack(one: dict[str, object]) -> AttackResult:
    what, linked, chance, limit = (str(one[key]) for key in ("what", "linked", "chance", "limit"))
    return AttackResult(
        what, linked, chance, limit, one["fault_caught"] is True, str(one.get("of") or "")
    )


def promise_in_mail(
    terms: PromiseTerms, group: str, group_size: int, voice: Voice = ENGLISH
) -> str:
    """The sentences of the invitation, which alone can name the group that the person is counted under.

    In the strict tier they are followed by what the second key means.
    """
    sealed = voice.gettext(
        "Your answers are sealed when you press Send, opened only after the survey has closed"
        " ({closes}), together with everyone else’s, and kept without your name: nobody at"
        " {organisation} or {provider} is shown who said what.",
        closes=terms.closes,
        organisation=terms.organisation,
        provider=terms.provider,
    )
    counted = voice.ngettext(
        "They are counted under {group} ({number} person invited).",
        "They are counted under {group} ({number} people invited).",
        group_size,
        group=group,
        number=str(group_size),
    )
    return " ".join(
        part for part in (sealed, counted, _second_key(terms.representatives, voice)) if part
    )


def promise_on_form(terms: PromiseTerms) -> tuple[str, ...]:
    """The six sentences of the form and of `/promise`, in order."""
    known = (
        "We know that you were invited. Until the survey closes, the system also knows whether you"
        " have answered, so that only those who have not are reminded. That mark is erased when the"
        " answers are counted."
    )
    sealed = (
        "Your answers are encrypted when you press Send. They are opened once, after the survey"
        f" has closed ({terms.closes}), all together and in random order; then the key is"
        " destroyed. No time, no device address and no cookie is kept with them."
    )
    shown = (
        "While the survey is open nobody sees any result. Afterwards nothing is shown for fewer"
        f" than {terms.minimum_group} answers; averages, detailed distributions and comments need"
        f" {terms.minimum_detail}."
    )
    final = (
        "After Send this system has no way to look up, change or withdraw your answers, not even"
        " for you."
    )
    written = (
        "What you write can give you away. Leave out names, ticket numbers and dates."
        f" {terms.reader} reads every comment and decides whether {terms.provider} may see it."
    )
    left_open = _second_key(terms.representatives) or (
        f"What we cannot rule out: whoever runs the server ({terms.host}) could misuse the key"
        " before the survey closes, or change the program; whoever can read your mail could answer"
        " in your place."
    )
    return known, sealed, shown, final, written, left_open


def _second_key(holders: tuple[str, ...], voice: Voice = ENGLISH) -> str:
    if not holders:
        return ""
    held = voice.ngettext(
        "Two keys are needed to open the answers. {holders}, employee representative, holds one, so"
        " whoever runs the server cannot open them alone.",
        "Two keys are needed to open the answers. {holders}, employee representatives, hold one"
        " each (either will do), so whoever runs the server cannot open them alone.",
        len(holders),
        holders=voice.joined(holders),
    )
    left_open = voice.gettext(
        "What we cannot rule out: somebody who changes the program while you answer, or reads your"
        " mail and answers in your place."
    )
    return f"{held} {left_open}"
