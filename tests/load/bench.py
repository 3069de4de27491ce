"""`make bench`: measures what the documents say, and writes it there.

Fails when a promise or a ratio does not hold.
"""

import json
import sys
from dataclasses import asdict
from importlib.metadata import version

from tests.load import idle, importing, mailing, padding
from tests.load.intervals import run
from tests.load.pages import (
    BENCHMARKS,
    MEASURED,
    STATISTICS,
    filled,
    imported,
    of_one_size,
    resting,
    sent,
    timed,
)
from tests.statistics.simulations import CHECKS, Check


def measured(check: Check) -> dict[str, float]:
    """What a check found, without what it is about."""
    return {key: value for key, value in asdict(check).items() if key in {"cells", "worst", "mean"}}


def main() -> int:
    """Races first, while the machine is quiet; then every check, small and large."""
    broken, lines, checks = [], [], []
    for line in run():
        print(json.dumps(line), flush=True)
        lines.append(line)
        broken += [line["id"]] if line["bound"] and line["ratio"] < line["bound"] else []
    posts = []
    for line in mailing.run():
        print(json.dumps(line), flush=True)
        posts.append(line)
        is_slow, is_busy = (
            line["ratio"] < line["bound"],
            line["most"] and line["processor_by_hand"] > line["most"],
        )
        broken += [f"{line['id']}, {line['what']}"] if is_slow or is_busy else []
    idles = []
    for line in idle.run():
        print(json.dumps(line), flush=True)
        idles.append(line)
        broken += [line["id"]] if line["median"] > line["most"] else []
    lists = []
    for line in importing.run():
        print(json.dumps(line), flush=True)
        lists.append(line)
        broken += [line["id"]] if line["median"] > line["most"] else []
    answers = []
    for line in padding.run():
        print(json.dumps(line), flush=True)
        answers.append(line)
        broken += [line["id"]] if line["ratio"] > line["most"] else []
    for name, check in CHECKS.items():
        small, large = check("small"), check("large")
        entry = {"id": name, "what": large.what, "at_least": large.at_least, "bound": large.bound}
        checks.append({**entry, "small": measured(small), "large": measured(large)})
        print(json.dumps(checks[-1], ensure_ascii=False), flush=True)
        broken += [name] if not (small.holds and large.holds) else []
    found = {
        "written_by": "make bench",
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "checks": checks,
    }
    MEASURED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    STATISTICS.write_text(filled(STATISTICS.read_text(), found))
    page = resting(timed(BENCHMARKS.read_text(), "intervals", lines), idles)
    BENCHMARKS.write_text(of_one_size(imported(sent(page, posts), lists), answers))
    for name in broken:
        print(f"{name} does not hold", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
