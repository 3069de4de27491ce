"""`python -m tests.load.promises [NAME ...]`: measures what the statistics promise, all checks or
the named ones, and writes it into the page about statistics.

Fails when a promise does not hold.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version

from tests.load.pages import MEASURED, STATISTICS, filled, measurements
from tests.statistics.simulations import CHECKS, Check


def measured(check: Check) -> dict[str, float]:
    """What a check found, without what it is about."""
    return {key: value for key, value in asdict(check).items() if key in {"cells", "worst", "mean"}}


def measure(names: Sequence[str] = ()) -> list[str]:
    """Measures the named checks, small and large, or all; gives those that do not hold.

    What was measured before of the others is kept.
    """
    stored = {entry["id"]: entry for entry in measurements()["checks"]}
    broken = []
    for name in names or CHECKS:
        small, large = CHECKS[name]("small"), CHECKS[name]("large")
        entry = {"id": name, "what": large.what, "at_least": large.at_least, "bound": large.bound}
        stored[name] = {**entry, "small": measured(small), "large": measured(large)}
        print(json.dumps(stored[name], ensure_ascii=False), flush=True)
        broken += [] if small.holds and large.holds else [name]
    found = {
        "written_by": "make bench",
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "checks": [stored[name] for name in CHECKS if name in stored],
    }
    MEASURED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    STATISTICS.write_text(filled(STATISTICS.read_text(), found))
    return broken


if __name__ == "__main__":
    for name in measure(sys.argv[1:]):
        sys.exit(f"{name} does not hold")
