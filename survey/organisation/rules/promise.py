"""The promise to the employee, word for word.

The mail, the survey page and the page `/promise` all print these sentences.
"""

from dataclasses import dataclass
from typing import Any

from survey.kernel.plurals import how_many
from survey.languages import ENGLISH, Voice

THRESHOLDS = (5, 10)
_NUMBERS_OF_ATTACK = ("linked", "chance", "limit")
_KEYS_OF_ATTACK = {"what", *_NUMBERS_OF_ATTACK, "fault_caught"}


@dataclass(frozen=True, slots=True)
class AttackResult:
    """One attack of the suite as it last ran.

    `linked` is how many answers it could link to people, `chance` how many one links by guessing,
    `limit` how many are allowed at most, `of` how many answers were attacked, all as printed.
    `fault_caught` says whether it found the fault that was put in on purpose; `passed`, that it did
    and linked no more than allowed.
    """

    what: str
    linked: str
    chance: str
    limit: str
    fault_caught: bool
    passed: bool
    of: str = ""


@dataclass(frozen=True, slots=True)
class PromiseTerms:
    """What the sentences depend on: names, the closing date as printed, the frozen thresholds.

    `readers` are the names of those who read comments, `role` is theirs; older waves know only the
    role. `representatives` hold a second key; there are none outside the strict tier.
    """

    organisation: str
    provider: str
    readers: tuple[str, ...]
    role: str
    host: str
    closes: str
    minimum_group: int = THRESHOLDS[0]
    minimum_detail: int = THRESHOLDS[1]
    representatives: tuple[str, ...] = ()


def read_attack_report(report: object) -> tuple[AttackResult, ...]:
    """Reads the attacks in a report of the attack suite; empty unless all of it can be read.

    None when it is not such a report as a whole: half a table would promise too much.

    >>> attack = {"what": "times", "linked": 0, "chance": 1.0, "limit": 4, "fault_caught": True}
    >>> read_attack_report({"attacks": [attack]})[0].limit, read_attack_report({"attacks": [{}]})
    ('4', ())
    """
    attacks = report.get("attacks") if isinstance(report, dict) else None
    if not isinstance(attacks, list) or not all(map(_is_attack, attacks)):
        return ()
    return tuple(map(_attack_result, attacks))


def _is_attack(entry: object) -> bool:
    """Whether an entry of a report holds all that an attack needs."""
    return (
        isinstance(entry, dict)
        and set(entry) >= _KEYS_OF_ATTACK
        and all(isinstance(entry[name], int | float) for name in _NUMBERS_OF_ATTACK)
        and isinstance(entry.get("of", 0), int)
    )


def _attack_result(entry: dict[str, Any]) -> AttackResult:
    fault_caught = entry["fault_caught"] is True
    return AttackResult(
        what=str(entry["what"]),
        linked=f"{entry['linked']:,}",
        chance=f"{entry['chance']:,g}",
        limit=f"{entry['limit']:,}",
        fault_caught=fault_caught,
        passed=fault_caught and entry["linked"] <= entry["limit"],
        of=f"{entry['of']:,}" if entry.get("of") else "",
    )


def promise_in_mail(
    terms: PromiseTerms, group: str, group_size: int, voice: Voice = ENGLISH
) -> str:
    """The promise in an invitation, with the group one is counted under and its size.

    No other sentences name that group. In the strict tier they are followed by what the second key
    means.
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
    second_key = _second_key(terms.representatives, voice)
    return " ".join(filter(None, (sealed, counted, second_key)))


def promise_on_form(terms: PromiseTerms) -> tuple[str, ...]:
    """The six sentences of the survey page and of `/promise`, in order."""
    invited = (
        "We know that you were invited. Until the survey closes, the system also knows whether you"
        " have answered, so that only those who have not are reminded. That mark is erased when the"
        " answers are counted."
    )
    sealed = (
        "Your answers are encrypted when you press Send. They are opened once, after the survey"
        f" has closed ({terms.closes}), all together and in random order; then the key is"
        " destroyed. No time, no device address and no cookie is kept with them."
    )
    results = (
        "While the survey is open nobody sees any result. Afterwards nothing is shown for fewer"
        f" than {terms.minimum_group} answers; averages, detailed distributions and comments need"
        f" {terms.minimum_detail}."
    )
    final = (
        "After Send this system has no way to look up, change or withdraw your answers, not even"
        " for you."
    )
    comments = (
        "What you write can give you away. Leave out names, ticket numbers and dates."
        f" {_who_reads(terms)}"
    )
    not_ruled_out = _second_key(terms.representatives) or (
        f"What we cannot rule out: whoever runs the server ({terms.host}) could misuse the key"
        " before the survey closes, or change the program; whoever can read your mail could answer"
        " in your place; whoever keeps the staff list could add people who do not exist. If your"
        " address is changed while the survey is open, you are told at the old one."
    )
    return invited, sealed, results, final, comments, not_ruled_out


def _who_reads(terms: PromiseTerms) -> str:
    """The sentence that names who reads comments: by name and role, or by role alone."""
    who = ", ".join(filter(None, (" and ".join(terms.readers), terms.role)))
    may_see = f"whether {terms.provider} may see it."
    if len(terms.readers) > 1:
        return f"{who}{',' if terms.role else ''} read every comment and decide {may_see}"
    comma = "," if terms.readers and terms.role else ""
    return f"{_capitalised(who)}{comma} reads every comment and decides {may_see}"


def _capitalised(text: str) -> str:
    """The text with a capital first letter and the rest as it is; a mail address stays small."""
    return text if "@" in text.partition(" ")[0] else text[:1].upper() + text[1:]


def promise_on_copies(host: str, days: int | None, *, has_others: bool) -> str:
    """The sentence of `/promise` on copies of the database.

    `days` is after how many days the program deletes its copies, None where it keeps none;
    `has_others` says that copies were made which the program cannot delete.

    >>> promise_on_copies("Northwind", 30, has_others=False).partition(". ")[2]
    'They are deleted after 30 days.'
    """
    held = (
        "Copies of the database made while the survey was open still hold the mark that you have"
        " answered and your sealed answers, without the key."
    )
    if days is None:
        return f"{held} Whoever keeps copies ({host}) decides how long."
    deleted = f"{held} They are deleted after {how_many(days, 'day')}."
    if not has_others:
        return deleted
    return f"{deleted} Whoever keeps copies elsewhere ({host}) decides how long."


def _second_key(holders: tuple[str, ...], voice: Voice = ENGLISH) -> str:
    """What the second key means and what it cannot rule out; empty where nobody holds one."""
    if not holders:
        return ""
    two_keys = voice.ngettext(
        "Two keys are needed to open the answers. {holders}, employee representative, holds one, so"
        " whoever runs the server cannot open them alone.",
        "Two keys are needed to open the answers. {holders}, employee representatives, hold one"
        " each (either will do), so whoever runs the server cannot open them alone.",
        len(holders),
        holders=voice.joined(holders),
    )
    not_ruled_out = voice.gettext(
        "What we cannot rule out: somebody who changes the program while you answer, or reads your"
        " mail and answers in your place; whoever keeps the staff list could add people who do not"
        " exist. If your address is changed while the survey is open, you are told at the old one."
    )
    return f"{two_keys} {not_ruled_out}"
