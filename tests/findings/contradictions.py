"""Whether anything that is printed of findings contradicts a number, or something else printed.

Each check reads printed sentences and numbers back, and gives a sentence for each contradiction.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from survey.findings.words.rules.wording import MIX_CHANGED
from tests.findings.printed import NUMBER, SHARES, Cell, Document, Printed, numbers

Check = Callable[[Printed], Iterator[str]]
Measure = Mapping[str, Any]
CHECKS: dict[str, Check] = {}
KINDS = ("trend", "change", "against_rest")
CLOSE = 1e-6
VERDICTS = {
    "Meets target": "meets",
    "Misses target": "misses",
    "Too close to call": "too close to call",
}
EVERYONE = "everyone answered"
NAMED = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
DETECTABLE = re.compile(
    r"only a (change|rise|fall) of about (\d+(?:\.\d+)?) points? or more can be detected"
)
LUCK = re.compile(r"(Up|Down) (\d+(?:\.\d+)?) points?, but")
TREND = re.compile(
    r"^(?:(Clearly up|Clearly down): about (\d+(?:\.\d+)?) points?|(No clear trend))"
    r" since ([\w ]+) \(([^)]+)\)"
)


def check(name: str) -> Callable[[Check], Check]:
    """Registers a check under a name."""

    def register(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return register


def contradictions(printed: Printed) -> list[str]:
    """All contradictions in what is printed of one wave, each after the name of its check."""
    return [f"{name}: {found}" for name, find in CHECKS.items() for found in find(printed)]


# What the document holds


def company(document: Document) -> list[Measure]:
    """The company's measures that are shown, lost time among them."""
    lost = document["lost_time"]
    figures = [m for m in document["measures"] if m["group"] is None]
    if lost:
        share = {"question": lost["question"], "statistic": "share_over_2h", "group": None}
        figures.append(share | lost["share_over_2h"])
    return [figure for figure in figures if figure["shown"]]


def shares(document: Document) -> list[Measure]:
    """The company's shares that the main table of the page shows."""
    return [
        measure
        for measure in company(document)
        if measure["statistic"] in SHARES and measure["statistic"] != "share_over_2h"
    ]


def comparisons(document: Document) -> list[tuple[str, Measure, Measure]]:
    """Each comparison that is shown: its kind, the measure it is of, and its block."""
    found = []
    for measure in [*document["measures"], *company(document)]:
        found += [(kind, measure, measure.get(kind, {})) for kind in KINDS]
    for measure in (document["year"] or {"measures": ()})["measures"]:
        found.append(("year", measure, measure.get("change", {})))
    found = [(kind, measure, block) for kind, measure, block in found if block.get("shown")]
    return list({id(block): (kind, measure, block) for kind, measure, block in found}.values())


def name_of(document: Document, question: str) -> str:
    """The name of a question."""
    return next(q["name"] for q in document["questions"] if q["id"] == question)


def factor(measure: Measure) -> float:
    """What a figure is multiplied by to be printed."""
    return 100.0 if measure["statistic"] in SHARES else 1.0


@check("interval")
def interval(printed: Printed) -> Iterator[str]:
    """An estimate lies in its range, and a share's range in what is possible at all."""
    for measure in [*printed.document["measures"], *company(printed.document)]:
        if not measure["shown"]:
            continue
        what = f"{measure['question']} {measure['statistic']} {measure['group']}"
        if not measure["low"] <= measure["estimate"] <= measure["high"]:
            yield f"{what}: estimate outside its range"
        lowest, highest = measure.get("feasible", (-math.inf, math.inf))
        if measure["low"] < lowest - CLOSE or measure["high"] > highest + CLOSE:
            yield f"{what}: range outside the feasible range"
        is_complete = measure["answers"] == measure["population"]
        if (measure["method"] == EVERYONE) != is_complete:
            yield f"{what}: {measure['method']} with {measure['answers']} answers"
        if (measure["low"] == measure["high"]) != is_complete:
            yield f"{what}: a range without width, or one where all is known"


@check("judgement")
def judgement(printed: Printed) -> Iterator[str]:
    """Only what was judged so is called clear, and the verdict says it of the right side."""
    found = comparisons(printed.document)
    families = [block["family"] for _, _, block in found]
    for kind, measure, block in found:
        what = f"{kind} of {measure['question']} {measure.get('group')}"
        up_or_down = 1 if block["estimate"] > 0 else -1
        is_clear = block["direction"] != "unclear"
        wanted = {"up": 1, "down": -1}.get(block["direction"], up_or_down)
        if wanted != up_or_down:
            yield f"{what}: {block['direction']} at {block['estimate']}"
        if is_clear == block["verdict"].startswith("no clear"):
            yield f"{what}: {block['direction']}, but {block['verdict']!r}"
        if is_clear and block["low"] <= 0 <= block["high"]:
            yield f"{what}: clear, but its range holds zero"
        if is_clear and (block.get("mix_changed") or block.get("q_value", block["p_value"]) > 0.05):
            yield f"{what}: clear, which it was not judged to be"
        if block["comparisons"] != families.count(block["family"]):
            yield f"{what}: judged among {block['comparisons']}, not the size of its family"


@check("possible")
def possible(printed: Printed) -> Iterator[str]:
    """A difference, and a rise or fall that could be detected, is possible on its scale."""
    for kind, measure, block in comparisons(printed.document):
        what = f"{kind} of {measure['question']} {measure.get('group')}"
        low, high = (-100, 100) if measure["statistic"] == "nps" else (0, 1)
        if not low - high - CLOSE <= block["low"] <= block["high"] <= high - low + CLOSE:
            yield f"{what}: a range of {block['low']} to {block['high']}"
        if kind == "against_rest":
            continue
        before = block.get("first", _process_value(measure) - block["estimate"])
        rise, fall = block["detectable_rise"], block["detectable_fall"]
        if rise is not None and before + rise > high + 0.002 * (high - low):
            yield f"{what}: a rise by {rise} from {before}"
        if fall is not None and before - fall < low - 0.002 * (high - low):
            yield f"{what}: a fall by {fall} from {before}"


def _process_value(measure: Measure) -> float:
    process = measure.get("process", {}).get("stratified", measure)
    return float(process["estimate"])


# Scores, ranges and verdicts


def rounded(value: float, text: str) -> bool:
    """Whether a number is printed as it rounds, at the decimals that it is printed with."""
    decimals = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5 / 10**decimals + CLOSE


def outward(low: float, high: float, text: str) -> bool:
    """Whether a printed range (`27 to 49`) holds the range, and is less than a step wider."""
    found = re.fullmatch(rf"({NUMBER}) to ({NUMBER})", text)
    if not found:
        return False
    step = 1 / 10 ** len(found[1].partition(".")[2])
    below, above = low - float(found[1]), float(found[2]) - high
    return -CLOSE <= below < step + CLOSE and -CLOSE <= above < step + CLOSE


def score_fault(text: str, measure: Measure) -> str:
    """Why a printed score with its range is not that of the measure; empty where it is."""
    found = re.fullmatch(rf"({NUMBER})%? ?\(?([^)]*?)\)?", text)
    if not found:
        return f"{text!r} is no score"
    times = factor(measure)
    low, high = measure["low"] * times, measure["high"] * times
    if not rounded(measure["estimate"] * times, found[1]):
        return f"{text!r} for {measure['estimate']}"
    if measure["method"] == EVERYONE or found[2] == EVERYONE:
        return "" if measure["method"] == found[2] else f"{text!r} for {measure['method']}"
    if not outward(low, high, found[2]):
        return f"{text!r} for {low} to {high}"
    ends = numbers(found[2])
    return "" if ends[0] <= float(found[1]) <= ends[1] else f"{text!r}: score outside its range"


@check("score")
def score(printed: Printed) -> Iterator[str]:
    """Each score of the page is that of the document, and stands in its printed range."""
    of_page = {row[0].text: row for row in main_rows(printed)}
    for measure in shares(printed.document):
        name = name_of(printed.document, measure["question"])
        row = of_page.get(name)
        if row is None:
            yield f"{name} is not on the page"
            continue
        fault = score_fault(row[1].text, measure)
        if fault:
            yield f"{name}: {fault}"
        if row[2].text != str(measure["answers"]):
            yield f"{name}: {row[2].text} answers, not {measure['answers']}"


def main_rows(printed: Printed) -> list[list[Cell]]:
    """The rows of the page's main table whose score is shown."""
    caption = "Scores of this third" if is_third(printed) else "Each measure against"
    rows = printed.table(caption)
    return [row for row in rows if len(row) > 2 and not row[0].text.startswith("Lost over")]


def is_third(printed: Printed) -> bool:
    """Whether this is one third of a quarter."""
    return printed.document["wave"].get("third") is not None


@check("own scales")
def own_scales(printed: Printed) -> Iterator[str]:
    """Each average of the page is that of the document."""
    rows = {row[0].text: row for row in printed.table("Averages") if len(row) > 2}
    for measure in company(printed.document):
        if measure["statistic"] in SHARES:
            continue
        name = name_of(printed.document, measure["question"])
        if name not in rows:
            yield f"{name} has no average"
        elif fault := score_fault(rows[name][1].text, measure):
            yield f"{name}: {fault}"


@check("verdict")
def printed_verdict(printed: Printed) -> Iterator[str]:
    """A verdict is true of the printed range and the printed target."""
    if is_third(printed):
        return
    by_name = {name_of(printed.document, m["question"]): m for m in shares(printed.document)}
    for name, score_cell, _, _, target, tag in (
        [cell.text for cell in row] for row in main_rows(printed)
    ):
        verdict = VERDICTS.get(tag)
        if verdict != by_name[name].get("verdict"):
            yield f"{name}: {tag}, but {by_name[name].get('verdict')}"
        if verdict is None:
            continue
        (goal,), (*_, low, high) = numbers(target), numbers(f"{score_cell} {score_cell}")
        if score_cell.endswith(f"({EVERYONE})"):
            low = high = 100 * by_name[name]["estimate"]
        said = "misses" if high < goal else "meets" if low >= goal else "too close to call"
        if said != verdict:
            yield f"{name}: {tag} beside {score_cell} and {target}"


@check("headline")
def headline(printed: Printed) -> Iterator[str]:
    """Headline and subject count the verdicts of the table; their grammar fits the numbers."""
    verdicts = [VERDICTS[row[5].text] for row in main_rows(printed) if row[-1].text in VERDICTS]
    total, meets, misses = len(verdicts), verdicts.count("meets"), verdicts.count("misses")
    counted = re.sub(r"^.*?\) for “.*?”\. ", "", printed.document["headline"])
    answered, invited = (printed.document[key] for key in ("answered", "invited"))
    if printed.document["headline"] not in printed.heading.replace("-", "\u2212"):
        yield f"the page begins {printed.heading!r}"
    wanted = _wanted_headline(total, meets, misses, verdicts, f"{answered} of {invited}")
    if counted != wanted:
        yield f"{counted!r} for {meets} that meet and {misses} that miss of {total}"
    if is_third(printed):
        return
    subject = printed.subject.partition(": ")[2]
    if total >= 2:
        met = meets or ("neither" if total == 2 else "none")
        verb = "meets" if meets == 1 else "meet" if meets else "clearly meets"
        if subject != f"{met} of {total} measures {verb} target":
            yield f"subject {subject!r} for {meets} of {total}"
    elif subject != counted[:1].lower() + counted[1:]:
        yield f"subject {subject!r} beside {counted!r}"


def _wanted_headline(
    total: int, meets: int, misses: int, verdicts: list[str], answered: str
) -> str:
    if not total:
        return f"{answered} people answered"
    if total == 1:
        (one,) = verdicts
        return f"The measure {'is ' if one.startswith('too') else ''}{one}" + (
            "" if one.startswith("too") else " target"
        )
    if not misses and not meets:
        return f"{'Both' if total == 2 else f'All {total}'} measures are too close to call"
    if not misses:
        return f"{meets} of {total} measures meet{'s' * (meets == 1)} target; none misses it"
    rest = f"{meets} meet{'s' * (meets == 1)} it" if meets else "none clearly meets it yet"
    return f"{misses} of {total} measures miss{'es' * (misses == 1)} target; {rest}"


@check("lede")
def lede(printed: Printed) -> Iterator[str]:
    """What is said below the headline fits the table and the numbers of people."""
    document = printed.document
    said = re.search(r'<p class="lede">(.*?)<a', printed.page, re.DOTALL)
    words = " ".join(said[1].split()) if said else ""
    missed = {row[0].text for row in main_rows(printed) if row[-1].text == "Misses target"}
    below = re.search(r"Below target: (.*?)\.", words)
    named = set(re.split(r", | and ", below[1])) if below else set()
    if named != missed:
        yield f"below target: {named}, not {missed}"
    people = re.search(r"(\d+) of (\d+) people answered \((\d+)%\)", words)
    if not people or [int(n) for n in people.groups()[:2]] != [
        document["answered"],
        document["invited"],
    ]:
        yield f"{words!r} for {document['answered']} of {document['invited']}"
    elif abs(int(people[3]) - 100 * document["answered"] / document["invited"]) > 1:
        yield f"{people[0]}: not so many per cent"
    is_half = document["answered"] * 2 >= document["invited"]
    if is_half != ("of those who answered" not in words):
        yield f"{words!r} at {document['response_rate']}"
    complete = [
        m["answers"] + _opted_out(document, m) == document["invited"] for m in _all(printed)
    ]
    if "Everyone answered every question," in words and not all(complete):
        yield "everyone answered every question, which they did not"


def _all(printed: Printed) -> list[Measure]:
    """All figures of the company, hidden ones as if nobody had answered."""
    shown = {(m["question"], m["statistic"]): m for m in company(printed.document)}
    nobody = {"answers": 0, "population": 1}
    questions = {m["question"] for m in printed.document["measures"] if m["group"] is None}
    return [
        next((m for (question, _), m in shown.items() if question == key), nobody)
        for key in questions
    ]


def _opted_out(document: Document, measure: Measure) -> int:
    return int(document["invited"] - measure["population"])


# Those whose answer is not known


SILENCE = re.compile(
    r"(?:the|The) (\d+) (person|people) "
    r"(who did not answer|who left this question blank|whose answer is not known)"
    r"(?: \((\d+) did not answer, (\d+) left this question blank\))?"
)


@check("silence")
def silence(printed: Printed) -> Iterator[str]:
    """People who did not answer or left a question blank add up with all other numbers."""
    document = printed.document
    silent = document["invited"] - document["answered"]
    for measure, sentence in silences(printed):
        what, unknown = measure["question"], measure["population"] - measure["answers"]
        if not unknown:
            if sentence != "Everyone answered.":
                yield f"{what}: {sentence!r} where all is known"
            continue
        found = SILENCE.search(sentence)
        if not found or int(found[1]) != unknown or (found[2] == "person") != (unknown == 1):
            yield f"{what}: {sentence!r} for {unknown}"
            continue
        blank = unknown - silent
        if found[4] and (int(found[4]), int(found[5])) != (silent, blank):
            yield f"{what}: {sentence!r} for {silent} silent and {blank} blank"
        if found[3] == "who did not answer" and blank:
            yield f"{what}: {sentence!r}, but {blank} left it blank"
        if found[3] == "who left this question blank" and silent:
            yield f"{what}: {sentence!r}, but {silent} did not answer"


def silences(printed: Printed) -> Iterator[tuple[Measure, str]]:
    """The sentence about those whose answer is not known, of each measure that has one."""
    rows = {row[0].text: row[-1].text for row in printed.table("What people who did not answer")}
    for measure in shares(printed.document):
        name = name_of(printed.document, measure["question"])
        if name in rows:
            yield measure, rows[name]


@check("feasible")
def feasible(printed: Printed) -> Iterator[str]:
    """What a share can be whatever others think is printed as it was computed, rounded outward."""
    rows = {row[0].text: row[1].text for row in printed.table("What people who did not answer")}
    for measure, _ in silences(printed):
        cell = rows[name_of(printed.document, measure["question"])]
        ends = [float(number) for number in re.findall(r"[\d.]+", cell)]
        low, high = (100 * end for end in measure["feasible"])
        if not (low - 1 < ends[0] <= low + CLOSE and high - CLOSE <= ends[1] < high + 1):
            yield f"{measure['question']}: {cell!r} for {measure['feasible']}"


@check("break-even")
def break_even(printed: Printed) -> Iterator[str]:
    """So many of them, and no fewer, would bring the share of all people to the target."""
    for measure, sentence in silences(printed):
        what, target = measure["question"], measure["target"]
        unknown = measure["population"] - measure["answers"]
        satisfied = round(measure["feasible"][0] * measure["population"])
        if not unknown:
            continue
        if "is met whatever" in sentence:
            if satisfied < target * measure["population"] - CLOSE or measure["verdict"] != "meets":
                yield f"{what}: {sentence!r} beside {measure['verdict']}"
        elif "would be missed even if" in sentence:
            most = satisfied + unknown
            if most >= target * measure["population"] - CLOSE or measure["verdict"] != "misses":
                yield f"{what}: {sentence!r} beside {measure['verdict']}"
        else:
            needed = re.search(r"target, (?:(\d+) of|(all of)?) ?the (\d+)", sentence)
            number = int(needed[1] or needed[3]) if needed else 0
            goal = target * measure["population"] - CLOSE
            if not satisfied + number - 1 < goal <= satisfied + number:
                yield f"{what}: {sentence!r} from {satisfied} of {measure['population']}"


@check("odds")
def odds(printed: Printed) -> Iterator[str]:
    """What eagerness would undo is the verdict that stands beside it."""
    undone = {"It is met only if dissatisfied": "misses", "It is missed only if satisfied": "meets"}
    for measure, sentence in silences(printed):
        for words, verdict in undone.items():
            other = "meets" if verdict == "misses" else "misses"
            if words in sentence and measure["verdict"] == other:
                yield f"{measure['question']}: {sentence!r} beside {measure['verdict']}"


@check("answered")
def answered(printed: Printed) -> Iterator[str]:
    """The tile about who answered, and each sentence on those who did not, fit the numbers."""
    document = printed.document
    silent = document["invited"] - document["answered"]
    tile = printed.tiles.get("Answered", "")
    if not is_third(printed) and f"{document['answered']} of {document['invited']}" not in tile:
        yield f"tile: {tile!r}"
    if ("Everyone answered" in tile) != (not silent and not is_third(printed)):
        yield f"tile: {tile!r} where {silent} did not answer"
    for form in (printed.words, printed.letter, printed.letter_text):
        for number in re.findall(r"(\d+) (?:of \d+ )?(?:people )?did not answer[.;]", form):
            if int(number) != silent:
                yield f"{number} did not answer, not {silent}"
    weighs = re.search(r"these (\d+) answers count like (\d+)", tile)
    if weighs and int(weighs[2]) >= int(weighs[1]):
        yield f"tile: {weighs[0]!r}"


@check("grammar")
def grammar(printed: Printed) -> Iterator[str]:
    """Sentences end once, begin with a capital, and speak of one thing in the singular."""
    many = "people|measures|answers|comments|(?<!to 1 )points|hours|waves|surveys|entries"
    wrong = (
        rf"(?<![\d.+-])1 (?:{many})\b|(?<!\d)[02-9] (?:person|measure|answer)\b"
        r"|\.\.(?!\.)|\. since|\( ?\)|\bNone\b(?! of)|\bnan\b"
    )
    for name in ("words", "letter", "letter_text", "subject"):
        form = str(getattr(printed, name))
        for found in re.finditer(wrong, form):
            yield f"{name}: {form[max(0, found.start() - 40) : found.end() + 20]!r}"


# Changes and trends


@check("change")
def change(printed: Printed) -> Iterator[str]:
    """A change on the page has the number, the range and the words of the document."""
    rows = {row[0].text: row for row in printed.table("Each measure against the last wave")}
    for measure in company(printed.document):
        block = measure.get("change", {})
        name = name_of(printed.document, measure["question"])
        if not block.get("shown") or measure["statistic"] == "share_over_2h":
            continue
        if name not in rows:
            yield f"{name}: its change is not on the page"
            continue
        _, difference, words, why = (cell.text for cell in rows[name])
        yield from _change_faults(f"{name}", difference, words, why, measure, block)


def _change_faults(
    what: str, difference: str, words: str, why: str, measure: Measure, block: Measure
) -> Iterator[str]:
    times = factor(measure)
    found = re.fullmatch(rf"({NUMBER}) \((.*)\)", difference)
    if not found:
        yield f"{what}: {difference!r} is no change"
        return
    if not rounded(block["estimate"] * times, found[1]):
        yield f"{what}: {difference!r} for {block['estimate']}"
    if not outward(block["low"] * times, block["high"] * times, found[2]):
        yield f"{what}: {difference!r} for {block['low']} to {block['high']}"
    low, high = (float(end) for end in found[2].split(" to "))
    if not low <= float(found[1]) <= high:
        yield f"{what}: {difference!r} lies outside its range"
    wanted = {"up": "Clearly up", "down": "Clearly down", "unclear": "No clear change"}
    if words != wanted[block["direction"]]:
        yield f"{what}: {words!r} for {block['direction']}"
    if (low > 0 or high < 0) != (block["low"] > 0 or block["high"] < 0):
        yield f"{what}: {difference!r} hides which side of zero it is on"
    yield from _why_faults(what, words, why, abs(float(found[1])), block, (low, high))


def _why_faults(
    what: str, words: str, why: str, moved: float, block: Measure, ends: tuple[float, float]
) -> Iterator[str]:
    """Faults in the reason why a change or a trend of so many printed points is not clear."""
    detectable, luck = DETECTABLE.search(why), LUCK.search(why)
    reasons = [bool(detectable), bool(luck), MIX_CHANGED in why, "not always detected" in why]
    reasons.append("largest possible change" in why)
    if words.startswith("Clearly"):
        if any(reasons):
            yield f"{what}: {words}, and {why!r}"
        return
    if sum(reasons) != 1:
        yield f"{what}: {why!r} gives not one reason"
    if detectable and moved >= float(detectable[2]):
        yield f"{what}: {moved} points beside {why!r}"
    if detectable and detectable[1] != _possible_move(block):
        yield f"{what}: {why!r}, but possible is a {_possible_move(block)}"
    if luck and (float(luck[2]) != moved or (luck[1] == "Up") != (block["estimate"] > 0)):
        yield f"{what}: {luck[0]!r} beside {moved}"
    if bool(luck) and not (ends[0] > 0 or ends[1] < 0):
        yield f"{what}: {luck[0]!r} though its range holds zero"


def _possible_move(block: Measure) -> str:
    rise, fall = block["detectable_rise"], block["detectable_fall"]
    return "change" if rise is not None and fall is not None else "rise" if fall is None else "fall"


@check("trend")
def trend(printed: Printed) -> Iterator[str]:
    """A trend's sentence has its number, range, verdict and ends, and one reason if unclear."""
    for measure in company(printed.document):
        block = measure.get("trend")
        name = name_of(printed.document, measure["question"])
        if not block or measure["statistic"] == "share_over_2h":
            continue
        sentence, times = printed.trends.get(name, ""), factor(measure)
        found = TREND.match(sentence)
        if not found:
            yield f"{name}: {sentence!r} says no trend"
            continue
        clear, points, _, since, span = found.groups()
        if (clear or "No clear trend").lower() != block["verdict"]:
            yield f"{name}: {sentence!r} for {block['verdict']}"
        low, high = _ends_of_rise(span)
        if points and not rounded(abs(block["estimate"]) * times, points):
            yield f"{name}: {sentence!r} for {block['estimate']}"
        if not outward(block["low"] * times, block["high"] * times, f"{low:g} to {high:g}"):
            yield f"{name}: {sentence!r} for {block['low']} to {block['high']}"
        if clear and not (low > 0 if clear == "Clearly up" else high < 0):
            yield f"{name}: {sentence!r}: the range holds zero"
        opened = date.fromisoformat(block["opened"])
        if since not in {f"{opened:%B %Y}", f"Q{(opened.month + 2) // 3} {opened.year}"}:
            yield f"{name}: since {since}"
        yield from _ends_faults(name, sentence, measure, block)
        moved = abs(round(block["estimate"] * times))
        yield from _why_faults(
            name, clear or "", sentence, _moved(sentence, moved), block, (low, high)
        )


def _moved(sentence: str, moved: float) -> float:
    """The printed points of a trend, as finely as the sentence has them."""
    luck = LUCK.search(sentence)
    return float(luck[2]) if luck else moved


def _ends_of_rise(span: str) -> tuple[float, float]:
    """Both ends of a printed range of a rise: `34 to 66 up`, `9 points down to 12 up`."""
    low, high = (float(number) for number in re.findall(r"\d+(?:\.\d+)?", span))
    if " down to " in span:
        return -low, high
    return (low, high) if span.endswith("up") else (-high, -low)


def _ends_faults(name: str, sentence: str, measure: Measure, block: Measure) -> Iterator[str]:
    """Faults in the values of a trend's first and latest wave."""
    found = re.search(
        rf"In (\d+) waves(?:, (\d+) of them imported)?: ({NUMBER})%? first, ({NUMBER})%? now",
        sentence,
    )
    if not found:
        yield f"{name}: {sentence!r} lacks its ends"
        return
    waves, imported, first, latest = found.groups()
    if (int(waves), int(imported or 0)) != (block["waves"], block["imported"]):
        yield f"{name}: {found[0]!r} for {block['waves']} waves"
    if latest not in re.findall(NUMBER, score_text(measure)) and not rounded(
        measure["estimate"] * factor(measure), latest
    ):
        yield f"{name}: {latest} now beside {measure['estimate']}"
    is_against = (float(latest) - float(first)) * block["estimate"] < 0
    if block["direction"] != "unclear" and is_against:
        yield f"{name}: {sentence!r} runs against its own ends"


def score_text(measure: Measure) -> str:
    """A measure's estimate to a tenth, as text."""
    return f"{measure['estimate'] * factor(measure):.1f}"


@check("tile")
def tile(printed: Printed) -> Iterator[str]:
    """The tiles about the overall measure say what its row, its trend and its change say."""
    changes = {row[0].text: row for row in printed.table("Each measure against the last wave")}
    for heading, text in printed.tiles.items():
        over = re.fullmatch(r"(.*) over (\d+) waves", heading)
        if over:
            yield from _tile_of_trend(text, printed.trends[over[1]], changes.get(over[1], []))
        elif heading.endswith(", change"):
            found = re.match(rf"({NUMBER}) (.*?) points (.*?) since", text)
            row = changes.get(heading.removesuffix(", change"))
            if found and row:
                yield from _same_change((found[1], found[2], found[3].lower()), row)
    yield from _tile_of_score(printed)


def _tile_of_trend(text: str, sentence: str, change_row: list[Cell]) -> Iterator[str]:
    said = TREND.match(sentence)
    words = (said[1] or said[3]) if said else ""
    if f" {words} since" not in text:
        yield f"tile {text!r} beside {sentence!r}"
    if said and said[2] and abs(numbers(text)[0]) != float(said[2]):
        yield f"tile {text!r} beside {said[0]!r}"
    step = re.search(r"alone: (\S+) \(([^)]*)\), ([a-z ]+)\.", text)
    if step and change_row:
        yield from _same_change(step.groups(), change_row)


def _tile_of_score(printed: Printed) -> Iterator[str]:
    rows = {row[0].text: row for row in main_rows(printed)}
    for heading, text in printed.tiles.items():
        row = rows.get(heading.removesuffix(" of those who answered"))
        if row is None:
            continue
        shown = row[1].text.replace("(", "").replace(")", "")
        if not text.startswith(shown):
            yield f"tile {text!r} beside {shown!r}"
        if row[5].text in VERDICTS and row[5].text not in text:
            yield f"tile {text!r} beside {row[5].text!r}"


def _same_change(of_tile: tuple[str, ...], row: list[Cell]) -> Iterator[str]:
    moved, span, words = of_tile
    said = words.removesuffix(" in one step")
    if f"{moved} ({span})" != row[1].text or said != row[2].text.lower():
        yield f"tile {of_tile} beside {row[1].text} {row[2].text}"


@check("trends in short")
def trends_in_short(printed: Printed) -> Iterator[str]:
    """The numbers of clear trends are those of the sentences below."""
    sentences = list(printed.trends.values())
    up, down = (sum(s.startswith(way) for s in sentences) for way in ("Clearly up", "Clearly down"))
    total = len(sentences)
    if not total or is_third(printed):
        return
    wanted = f"{up or 'None'} of {total} measures {'is' if up < 2 else 'are'} clearly up,"
    wanted += f" {down or 'none'} clearly down."
    if not up and not down:
        wanted = (
            f"No clear trend in {'either measure' if total == 2 else f'any of {total} measures'}."
        )
    if total == 1:
        wanted = "The measure has no clear trend."
        if up or down:
            wanted = f"The measure is clearly {'up' if up else 'down'}."
    for name in ("words", "letter", "letter_text"):
        if wanted not in getattr(printed, name):
            yield f"{name}: not {wanted!r}"


@check("headline of the trend")
def trend_in_headline(printed: Printed) -> Iterator[str]:
    """The headline begins with the overall measure's trend, in the words of its sentence."""
    sentence = printed.trends.get("Satisfied overall", "")
    found = TREND.match(sentence)
    heading = printed.heading
    if found and not heading.startswith(found[0]):
        yield f"{heading!r} beside {sentence!r}"
    if not found and re.match(r"Clearly|No clear trend", printed.document["headline"]):
        yield f"{heading!r} without a trend"


@check("second sentence")
def second_sentence(printed: Printed) -> Iterator[str]:
    """The headline's second sentence names what is clearly up or down in the table of changes."""
    changed = printed.document["changed"]
    wanted: dict[tuple[str, str], list[str]] = {}
    for measure in company(printed.document):
        block = measure.get("change", {})
        if block.get("direction", "unclear") != "unclear":
            key = block["opened"], block["direction"]
            wanted.setdefault(key, []).append(name_of(printed.document, measure["question"]))
    said = re.findall(r"Clearly (up|down) since .*?: (.*?)(?:, and (\d+) more)?\.", changed)
    found = [(way, names.split(", "), int(more or 0)) for way, names, more in said]
    rest = sorted((way, sorted(names)) for (_, way), names in wanted.items())
    if sorted((way, len(names) + more) for way, names, more in found) != sorted(
        (way, len(names)) for way, names in rest
    ):
        yield f"{changed!r} for {rest}"
    for way, names, _ in found:
        if not any(way == other and set(names) <= set(clear) for other, clear in rest):
            yield f"{changed!r} for {rest}"
    if changed and not is_third(printed):
        for name in ("words", "letter", "letter_text"):
            if changed not in getattr(printed, name):
                yield f"{name} lacks {changed!r}"


@check("year")
def year(printed: Printed) -> Iterator[str]:
    """The year's table has the numbers and words of the document."""
    part = printed.document["year"]
    rows = {row[0].text: row for row in printed.table("The last")}
    for measure in part["measures"] if part and not is_third(printed) else ():
        if measure["statistic"] not in SHARES:
            continue
        name = name_of(printed.document, measure["question"])
        if name not in rows:
            yield f"{name} is not in the year"
            continue
        _, shown, waves, answers, difference, words = (cell.text for cell in rows[name])
        if fault := score_fault(shown, measure):
            yield f"{name}: {fault}"
        if (int(waves), int(answers)) != (measure["waves"], measure["answers"]):
            yield f"{name}: {waves} surveys, {answers} answers"
        if int(waves) > len(part["waves"]):
            yield f"{name}: {waves} of {len(part['waves'])} surveys"
        if "change" in measure:
            tag = re.match(r"Clearly up|Clearly down|No clear change", words)
            said, why = tag[0] if tag else "", words.removeprefix(tag[0] if tag else "")
            yield from _change_faults(name, difference, said, why, measure, measure["change"])
        elif difference != "too few surveys":
            yield f"{name}: {difference!r} without a year before"


# Groups, lowest, strengths


@check("groups")
def groups(printed: Printed) -> Iterator[str]:
    """A cell has its group's numbers, none where hidden, and a colour only where clear."""
    measures = {
        (m["group"], name_of(printed.document, m["question"])): m
        for m in printed.document["measures"]
        if m["group"] and m["statistic"] in {"top2", "share"}
    }
    columns = list(dict.fromkeys(name for _, name in measures))
    for first, *cells in printed.table("By reporting group"):
        group = first.text.rpartition(" (")[0]
        for name, cell in zip(columns, cells, strict=True):
            yield from _cell_faults(f"{group}, {name}", cell, measures[group, name])


def _cell_faults(what: str, cell: Cell, measure: Measure) -> Iterator[str]:
    if not measure["shown"]:
        if re.search(r"\d", cell.text) or cell.classes != "hidden-cell":
            yield f"{what}: {cell.text!r} for a hidden cell"
        return
    way = measure.get("against_rest", {}).get("direction", "unclear")
    look = {"up": "higher", "down": "lower", "unclear": ""}[way]
    if cell.classes != look or bool(look) != ("clearly" in cell.text):
        yield f"{what}: {cell.text!r} looks {cell.classes!r} where it is {way}"
    shown = re.sub(r" [▲▼].*? than the rest", "", cell.text)
    found = re.fullmatch(r"(\S+) (.*) n (\d+)", shown)
    if not found or int(found[3]) != measure["answers"]:
        yield f"{what}: {cell.text!r} for {measure['answers']} answers"
    elif fault := score_fault(f"{found[1]} ({found[2]})", measure):
        yield f"{what}: {fault}"


@check("hidden")
def hidden(printed: Printed) -> Iterator[str]:
    """What is hidden has words and no number: in the document, on the page, in CSV."""
    for measure in printed.document["measures"]:
        if not measure["shown"] and any(
            isinstance(part, float | int) for key, part in measure.items() if key != "shown"
        ):
            yield f"{measure['question']} of {measure['group']} holds a number"
    held = ("estimate", "low", "high", "answers", "population", "difference", "trend")
    for line in printed.lines:
        is_hidden = line["words"] and line["statistic"] != "staff_list"
        if is_hidden and any(line[column] for column in held):
            yield f"CSV: {line['question']} of {line['group']} holds a number"
    for caption in printed.tables:
        for row in printed.tables[caption]:
            for cell in row:
                if cell.classes.startswith("hidden-cell") and re.search(r"\d%|\d to \d", cell.text):
                    yield f"{caption}: {cell.text!r} in a hidden cell"


@check("lowest")
def lowest(printed: Printed) -> Iterator[str]:
    """The sentence on the lowest measure counts the table's, and stands from 3 points on."""
    part = printed.document["rebound"]
    said = re.search(r"the lowest of (\w+) usually reads about (\d+) points higher", printed.words)
    if bool(said) != bool(part and part["rise"] >= 0.03 and not is_third(printed)):
        yield f"{said and said[0]!r} for {part}"
    if said:
        number = NAMED.get(said[1]) or int(said[1].replace("ten", "10"))
        if number != len(main_rows(printed)) or int(said[2]) < 3:
            yield f"{said[0]!r} for {len(main_rows(printed))} measures"


@check("strengths")
def strengths(printed: Printed) -> Iterator[str]:
    """No strength misses its target and no problem meets it, unless that is said."""
    if is_third(printed):
        return
    text = printed.text.replace("\u2212", "-")
    for word, wrong, remark in (
        ("STRENGTH", "misses target", "Nothing clearly meets"),
        ("PROBLEM", "meets target", "Nothing clearly misses"),
    ):
        part = re.search(rf"(?:TWO|ONE) {word}S?\n(.*?)\n\n", text, re.DOTALL)
        if part and wrong in part[1] and remark not in part[1]:
            yield f"{word}: {part[1]!r}"


# One thing in all forms


@check("forms")
def forms(printed: Printed) -> Iterator[str]:
    """Both parts of the mail hold each score, verdict and sentence of the page."""
    if is_third(printed):
        return
    said = {measure["question"]: sentence for measure, sentence in silences(printed)}
    by_name = {
        name_of(printed.document, m["question"]): m["question"] for m in shares(printed.document)
    }
    for row in main_rows(printed):
        name, shown, answers, _, target, tag = (cell.text for cell in row)
        preposition = "at" if tag.startswith("Too") else "of"
        judged = f"{tag} {preposition} {target}" if tag in VERDICTS else "No target"
        sentence = said.get(by_name[name], "")
        for form, wanted in (
            (printed.letter, f"{name} {shown} {judged}. {answers} answers. {sentence}"),
            (printed.letter_text, f"{name} {shown}, {answers} answers {judged} {sentence}"),
        ):
            if wanted.strip() not in form:
                yield f"a mail lacks {wanted!r}"
    for name, sentence in printed.trends.items():
        is_main = name == "Satisfied overall" or name in {
            r[0].text for r in main_rows(printed) if r[5].text in VERDICTS
        }
        if is_main and sentence not in printed.letter_text.replace("  ", " "):
            yield f"the mail lacks {sentence!r}"
    for form in (printed.letter, printed.letter_text):
        if printed.document["headline"].replace("\u2212", "-") not in form:
            yield "a mail lacks the headline"


@check("groups in the mail")
def groups_in_mail(printed: Printed) -> Iterator[str]:
    """Both parts of the mail have the cells of the page's table of groups, and no other number."""
    columns = [name for name in printed.group_columns if name]
    for first, *cells in printed.table("By reporting group"):
        group = first.text.rpartition(" (")[0]
        for name, cell in zip(columns, cells, strict=True):
            found = re.fullmatch(r"(\S+) (.*) n (\d+)", re.sub(r" [▲▼].*? rest", "", cell.text))
            line = f"{found[1]} ({found[2]}), {found[3]}" if found else cell.text
            for form, wanted in (
                (printed.letter, f"{group} {line}"),
                (printed.letter_text, f"{group}: {line}{' answers' if found else ''}"),
            ):
                if wanted not in form:
                    yield f"{name}: a mail lacks {wanted!r}"


@check("lost time")
def lost_time(printed: Printed) -> Iterator[str]:
    """The tile about lost time and both parts of the mail have the document's numbers."""
    part = printed.document["lost_time"]
    tile_text = next((text for name, text in printed.tiles.items() if "Lost over" in name), "")
    if is_third(printed):
        return
    if bool(tile_text) != part["share_over_2h"]["shown"]:
        yield f"tile {tile_text!r}"
    found = re.match(r"([\d.]+)% (.*?) of (\d+) who could say(?:; (\S+ to \S+) hours)?", tile_text)
    if not found:
        return
    share = part["share_over_2h"] | {"statistic": "share"}
    if fault := score_fault(f"{found[1]}% ({found[2]})", share):
        yield f"tile: {fault}"
    if int(found[3]) != share["answers"]:
        yield f"tile: {found[3]} who could say, not {share['answers']}"
    hours = part["hours_per_week"]
    if bool(found[4]) != hours["shown"]:
        yield f"tile: {tile_text!r} for {hours}"
    if found[4] and not outward(hours["low"], hours["high"], found[4]):
        yield f"tile: {found[4]!r} for {hours}"
    for form in (printed.letter, printed.letter_text):
        if f" {found[1]}% ({found[2]}) of {found[3]} who could say" not in form:
            yield f"a mail lacks {found[0]!r}"


@check("csv")
def csv_file(printed: Printed) -> Iterator[str]:
    """The CSV file has the numbers, verdicts and sentences of the document."""
    document = printed.document
    of_year = (document["year"] or {"measures": ()})["measures"]
    named = {
        (line["question"], line["statistic"], line["group"], line["waves"] not in {"", "1"}): line
        for line in printed.lines
    }
    for measure in [*document["measures"], *company(document), *of_year]:
        group = measure.get("group") or ""
        key = measure["question"], measure["statistic"], group, "waves" in measure
        line = named.get(key)
        if line is None:
            yield f"CSV: no line for {key}"
            continue
        for column, value in _wanted_line(measure).items():
            if line[column].lstrip("'") != str(value).lstrip("'"):
                yield f"CSV: {key} {column} is {line[column]!r}, not {value!r}"


def _wanted_line(measure: Measure) -> dict[str, Any]:
    columns = ("estimate", "low", "high", "answers", "verdict")
    wanted = {column: measure.get(column, "") for column in columns}
    block = measure.get("change") or measure.get("against_rest") or {}
    if block.get("shown"):
        wanted |= {"difference": block["estimate"], "difference_verdict": block["verdict"]}
    if "trend" in measure:
        block = measure["trend"]
        wanted |= {"trend": block["estimate"], "trend_verdict": block["verdict"]}
        wanted["trend_words"] = block["words"]
    return wanted
