"""`make bench`: measures what the documents say, and writes it there.

Fails when a promise or a ratio does not hold.
"""

import json
import sys

from tests.load import idle, importing, mailing, padding
from tests.load.intervals import run
from tests.load.pages import BENCHMARKS, imported, of_one_size, resting, sent, timed
from tests.load.promises import measure


def main() -> int:
    """Races first, while the machine is quiet; then every check, small and large."""
    broken, lines = [], []
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
    broken += measure()
    page = resting(timed(BENCHMARKS.read_text(), "intervals", lines), idles)
    BENCHMARKS.write_text(of_one_size(imported(sent(page, posts), lists), answers))
    for name in broken:
        print(f"{name} does not hold", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
