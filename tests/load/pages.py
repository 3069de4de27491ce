"""The measured parts of the documents, written from what was measured and never by hand."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from survey.findings.words.rules.printing import rounded_number
from survey.statistics.measured import worst_in_per_cent
from tests.load.examples import with_examples

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "survey" / "statistics" / "measured.json"
STATISTICS, BENCHMARKS = ROOT / "docs" / "statistics.md", ROOT / "docs" / "benchmarks.md"
PART = re.compile(
    r"(<!-- measured: (?P<names>[a-z0-9, -]+) -->\n).*?(<!-- end of measured -->)", re.DOTALL
)

Json = dict[str, Any]


def measurements() -> Json:
    """What the last `make bench` measured."""
    found: Json = json.loads(MEASURED.read_text())
    return found


def filled(page: str, measured: Json) -> str:
    """The page about statistics with the tables of the checks that each of its measured parts
    names, and with its examples as the product computes them.
    """
    checks = {entry["id"]: entry for entry in measured["checks"]}
    tables = PART.sub(
        lambda part: part[1] + _table(checks[name] for name in part["names"].split(", ")) + part[3],
        page,
    )
    return with_examples(tables)


def _table(checks: Iterable[Json]) -> str:
    rows = ["| measured | situations | must be | worst | average |", "|---|---|---|---|---|"]
    for entry in checks:
        large = entry["large"]
        bound = f"{'at least' if entry['at_least'] else 'at most'} {100 * entry['bound']:.0f} %"
        worst = worst_in_per_cent(large["worst"], at_least=entry["at_least"])
        mean = rounded_number(100 * large["mean"] if large["cells"] > 1 else worst, 1)
        numbers = f"{large['cells']:,} | {bound} | {worst:.1f} % | {mean} %"
        rows.append(f"| {entry['what']} | {numbers} |")
    return "\n".join(rows) + "\n"


def timed(page: str, name: str, lines: Iterable[Json]) -> str:
    """The page about benchmarks with the table of one of its measured parts."""
    rows = [
        "| what | cells | Candour | in a loop with scipy | times faster | must be |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        bound = f"at least {line['bound']}" if line["bound"] else "not judged"
        rows.append(
            f"| {line['what']} | {line['n']:,} | {_short(line['median'])} | {_short(line['floor'])}"
            f" | {line['ratio']:,.0f} | {bound} |"
        )
        last = line
    versions = ", ".join(f"{part} {number}" for part, number in last["versions"].items())
    table = (
        "\n".join(rows)
        + f"\n\nMedians of {last['rounds']} rounds, one core, {versions}; load of the machine"
        f" {last['load']}.\n"
    )
    return PART.sub(
        lambda part: part[1] + table + part[3] if part["names"] == name else part[0], page
    )


def resting(page: str, lines: Iterable[Json]) -> str:
    """The page about benchmarks with the table of a process that has nothing to do."""
    rows = [
        "| one process, pages and engine, nothing to do | median | from | to | at most |",
        "|---|---|---|---|---|",
    ]
    for line in lines:
        unit = line["unit"]
        values = " | ".join(
            f"{line[key]:.{2 if line['median'] < 10 else 0}f} {unit}"
            for key in ("median", "min", "max")
        )
        rows.append(f"| {line['what']} | {values} | {line['most']:.0f} {unit} |")
        last = line
    versions = ", ".join(f"{part} {number}" for part, number in last["versions"].items())
    table = (
        "\n".join(rows)
        + f"\n\n{last['n']} runs of {last['seconds']:.0f} s, {versions}; load of the machine"
        f" {last['load']}.\n"
    )
    return PART.sub(
        lambda part: part[1] + table + part[3] if part["names"] == "idle" else part[0], page
    )


def imported(page: str, lines: Iterable[Json]) -> str:
    """The page about benchmarks with the table of staff lists."""
    rows = [
        (
            "| what | Candour | csv and executemany | times as long | at most | longest that others"
            " waited |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        most = _short(line["most"]) if line["most"] else "not judged"
        times = (
            _short(line["median"]),
            _short(line["floor"]),
            f"{line['ratio']:.1f}",
            most,
            _short(line["longest wait of others"]),
        )
        rows.append(f"| {line['what']} | {' | '.join(times)} |")
        last = line
    versions = ", ".join(f"{part} {number}" for part, number in last["versions"].items())
    table = (
        "\n".join(rows)
        + f"\n\nMedians of {last['n']} rounds, {versions}; load of the machine {last['load']}.\n"
    )
    return PART.sub(
        lambda part: part[1] + table + part[3] if part["names"] == "import" else part[0], page
    )


def of_one_size(page: str, lines: Iterable[Json]) -> str:
    """The page about benchmarks with the table of answers that are padded to one size."""
    rows = ["| what | padded | not padded | times as long | at most |", "|---|---|---|---|---|"]
    for line in lines:
        times = (_short(line["median"]), _short(line["floor"]), f"{line['ratio']:.3f}")
        rows.append(f"| {line['what']} | {' | '.join(times)} | {line['most']:.2f} |")
        last = line
    versions = ", ".join(f"{part} {number}" for part, number in last["versions"].items())
    table = (
        "\n".join(rows)
        + f"\n\nMedians of {last['n']} pairs, {versions}; load of the machine {last['load']}.\n"
    )
    return PART.sub(
        lambda part: part[1] + table + part[3] if part["names"] == "padding" else part[0], page
    )


def sent(page: str, lines: Iterable[Json]) -> str:
    """The page about benchmarks with the table of letters handed over."""
    titles = (
        "what",
        "letters a second",
        "bare loop",
        "share",
        "must be",
        "loop that commits",
        "by hand",
    )
    titles += ("processor: times the bare loop’s", "times that by hand", "must be")
    rows = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for line in lines:
        share = f"at least {line['bound']:.2f}" if line["bound"] else "not judged"
        most = f"at most {line['most']}" if line["most"] else "not judged"
        ours, floor, *others = (
            f"{line[key]:,.0f}" for key in ("value", "floor", "committing_floor", "hand_rate")
        )
        processor = (f"{line[key]:.1f}" for key in ("processor_ratio", "processor_by_hand"))
        cells = (
            line["what"],
            ours,
            floor,
            f"{line['ratio']:.2f}",
            share,
            *others,
            *processor,
            most,
        )
        rows.append(f"| {' | '.join(cells)} |")
        last = line
    versions = ", ".join(f"{part} {number}" for part, number in last["versions"].items())
    ran = (
        f"Medians of {last['rounds']} rounds of {last['n']} letters, {versions}; load of the"
        f" machine {last['load']}."
    )
    table = "\n".join(rows) + f"\n\n{ran}\n"
    return PART.sub(
        lambda part: part[1] + table + part[3] if part["names"] == "mail" else part[0], page
    )


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
