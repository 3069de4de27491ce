"""The figures of the house, of this checkout or of another: python -m tests.project.measure [TREE].

Nothing of the tree is imported or run (except its `candour --help`, with --start), so an old
checkout is measured as well as a new one. --json prints everything; the table cuts lists short.

What is counted, and how:

* Line shares: of the lines that are not blank; *.py under survey/, *.html under templates/ and
  survey/. "Over 100" means more than 100 characters. File and room sizes count every line.
* Module of a private name: a file inside survey/<room>/ that is none of the seven kinds. A kind is
  a file (rules.py) or a package (rules/...), in the room or in a sub-room one level below it.
  `__init__.py` and the exempt rooms have any names.
* Function: every def, nested ones and methods too; decorators are left out. Its tokens are those
  of Python's tokenizer from `def` to its last line without comments, docstring, indentation and
  line ends; a formatted string is one token in every version of Python.
* Tokens a line: per function with code besides its docstring, the tokens of its body by the lines
  of its body, blank lines left out; then the median. Once without the docstring's lines, once with
  them among the lines (its tokens count in neither).
* Uses of a name: as an identifier (variables, parameters, attributes, definitions, imports, also
  inside formatted strings), and as a word anywhere in the text.
* Import circle: modules of survey that reach each other by imports, in a function, for types only
  or by a string too; a module of a circle is in one circle only. An import by a string is the first
  argument of `import_module`, `__import__` or `resolve_name`: "survey.x.y", "survey.x.y:z" or
  ".y". Where a file hands them anything but a string, every string of the file that is the dotted
  name of a module counts, and a formatted string counts as every module that it can name.
* Name of a module in a contract: an entry of an import-linter contract in pyproject.toml (of an
  ignored import both ends; of a layer each of its parts, below its containers) that reaches below
  a room and stands for one module or none. `survey.waves.keys` does, and so does
  `survey.*.sealing` where one room only has a sealing.py. A pattern or a layer that ends in one of
  the seven kinds does not, nor a pattern that matches several modules, nor a sub-room.
* Start: processor time (user and system) and largest resident memory of `candour --help` with the
  tree's own .venv, after one run that is not counted; medians of seven.
"""

import ast
import io
import json
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[2]
KINDS = ("views", "commands", "forms", "service", "letters", "tables", "rules")
FRAME = ("app", "cli", "config", "database", "schedule", "server")
EXEMPT_ROOMS = ("kernel", "statistics", "charts", "languages", "jobs")
COUNTED_NAMES = ("found", "item")
LOADERS = ("import_module", "__import__", "resolve_name")
LONGEST_FILE = 250
LONGEST_LINE = 100
LONGEST_TEMPLATE_LINES = (120, 200)
STARTS = 7
SHOWN_IN_TABLE = 6
NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = Mapping[str, set[str]]
Contract = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of so many lines are longer than a limit."""

    longer: int
    of: int

    def __str__(self) -> str:
        """The share in per cent, and the count.

        >>> str(Share(68, 500))
        '13.6 % (68 of 500)'
        """
        return f"{100 * self.longer / max(1, self.of):.1f} % ({self.longer:,} of {self.of:,})"


@dataclass(frozen=True, slots=True)
class Functions:
    """Medians over all functions: tokens, and tokens per line without and with docstring lines."""

    number: int = 0
    tokens: float = 0.0
    tokens_a_line: float = 0.0
    tokens_a_line_with_docstrings: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """A folder of survey/ and its size, folders below it included."""

    name: str
    lines: int
    files: int


@dataclass(frozen=True, slots=True)
class Start:
    """What `candour --help` takes: seconds of processor time, MB (10^6 bytes) of memory."""

    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one tree; lists hold paths or dotted names."""

    modules_inside_concepts: int
    private_modules: list[str]
    beside_the_rooms: list[str]
    rooms: list[Room]
    long_files: dict[str, int]
    lines: Share
    template_lines: dict[int, Share]
    functions: Functions
    identifiers: dict[str, int]
    words: dict[str, int]
    circles: list[list[str]]
    imported_by_string: list[str]
    names_in_contracts: dict[str, list[str]]
    start: Start | None = field(default=None)


@dataclass(frozen=True)
class Module:
    """One file of survey/."""

    path: str  # below survey/, with slashes
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @cached_property
    def inside(self) -> tuple[str, ...]:
        """Its path without .py: ("mail", "outbox", "rules")."""
        return tuple(self.path.removesuffix(".py").split("/"))

    @property
    def name(self) -> str:
        """Its dotted name; that of a package for its __init__.py."""
        return ".".join(("survey", *self.inside)).removesuffix(".__init__")

    @property
    def package(self) -> str:
        """The dotted name of the package in which it lies; its own for an __init__.py."""
        return ".".join(("survey", *self.inside[:-1]))

    @property
    def is_package(self) -> bool:
        """Whether it is the __init__.py of a folder."""
        return self.inside[-1] == "__init__"

    @property
    def is_in_a_concept(self) -> bool:
        """Whether it lies in a room whose files must be of the seven kinds."""
        return len(self.inside) > 1 and not self.is_package and self.inside[0] not in EXEMPT_ROOMS

    @property
    def is_of_a_kind(self) -> bool:
        """Whether its path has one of the seven kinds, in its room or in a sub-room of it."""
        return self.inside[1] in KINDS or (len(self.inside) > 2 and self.inside[2] in KINDS)

    @property
    def is_beside_the_rooms(self) -> bool:
        """Whether it lies in survey/ itself and is no part of the frame."""
        is_alone = len(self.inside) == 1 and not self.is_package
        return is_alone and self.inside[0] not in {*FRAME, *EXEMPT_ROOMS}


def modules_of(tree: Path) -> list[Module]:
    """Every Python file of a checkout's survey/, by path; refuses a folder without one."""
    package = tree / "survey"
    paths = sorted(package.rglob("*.py"))
    if not paths:
        raise SystemExit(f"{tree} holds no survey/ with Python files.")
    return [Module(path.relative_to(package).as_posix(), path.read_text("utf-8")) for path in paths]


def rooms_of(modules: Sequence[Module]) -> list[Room]:
    """The folders of survey/, the largest first."""
    lines, files = Counter[str](), Counter[str]()
    for module in modules:
        if len(module.inside) > 1:
            lines[module.inside[0]] += len(module.text.splitlines())
            files[module.inside[0]] += 1
    return [Room(name, number, files[name]) for name, number in lines.most_common()]


def share_over(limit: int, texts: Sequence[str]) -> Share:
    """How many of the lines that are not blank have more than so many characters."""
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    return Share(sum(len(line) > limit for line in lines), len(lines))


def code_lines(text: str) -> list[int]:
    """Per token of the code the line on which it starts; a formatted string is one token."""
    start, end = getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "FSTRING_END", -1)
    lines, depth = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if depth == 0 and token.type not in NO_CODE:
            lines.append(token.start[0])
        depth += (token.type == start) - (token.type == end)
    return lines


def functions_of(modules: Sequence[Module]) -> Functions:
    """The medians over all functions of these modules."""
    tokens: list[int] = []
    bare: list[float] = []
    documented: list[float] = []
    for module in modules:
        per_line = Counter(code_lines(module.text))
        written = [bool(line.strip()) for line in ["", *module.text.splitlines()]]
        for node in ast.walk(module.tree):
            if not isinstance(node, Function):
                continue
            docstring = docstring_lines(node)
            span = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            tokens.append(sum(per_line[line] for line in span - docstring))
            body = {line for line in span if line >= node.body[0].lineno and written[line]}
            in_body = sum(per_line[line] for line in body - docstring)
            if in_body:
                bare.append(in_body / len(body - docstring))
                documented.append(in_body / len(body))
    if not bare:
        return Functions()
    return Functions(len(tokens), median(tokens), median(bare), median(documented))


def docstring_lines(node: Function) -> set[int]:
    """The lines of a function's docstring; none where it has none."""
    if ast.get_docstring(node, clean=False) is None:
        return set()
    first = node.body[0]
    return set(range(first.lineno, (first.end_lineno or first.lineno) + 1))


def identifiers_of(tree: ast.AST) -> Counter[str]:
    """How often each name stands in the code as an identifier; a dotted import is several."""
    names = Counter[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            continue
        for key, value in ast.iter_fields(node):
            if key == "type_comment":
                continue
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    names.update(text.split("."))
    return names


def imports_of(module: Module, known: set[str]) -> Iterator[str]:
    """The modules of survey that a module imports by a statement, wherever it stands."""
    home = module.package.split(".")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = home[: len(home) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield from (name for name in [inner if inner in known else source] if name in known)


def imports_by_string(module: Module, known: set[str]) -> Iterator[str]:
    """The modules of survey that a module imports by a string."""
    nodes = list(ast.walk(module.tree))
    calls = [node for node in nodes if isinstance(node, ast.Call) and node.args]
    loads = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in LOADERS]
    loaded = [call.args[0] for call in loads]
    is_computed = any(not isinstance(name, ast.Constant) for name in loaded)
    for node in nodes if is_computed else loaded:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            above = module.package if node.value.startswith(".") else ""
            yield from {f"{above}{node.value.partition(':')[0]}"} & known
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "*" for part in node.values]
            pattern = "".join(str(part) for part in parts).partition(":")[0]
            if pattern.startswith("survey."):
                yield from (name for name in sorted(known) if fnmatchcase(name, pattern))


def circles_in(graph: Graph) -> list[list[str]]:
    """The groups of modules that reach each other, and modules that import themselves."""
    reach = {name: reached_from(name, graph) for name in graph}
    circles = set()
    for name in graph:
        if name in reach[name]:
            both_ways = {other for other in reach[name] if name in reach[other]}
            circles.add(tuple(sorted(both_ways)))
    return [list(circle) for circle in sorted(circles)]


def reached_from(start: str, graph: Graph) -> set[str]:
    """What can be reached from a module by one import or more."""
    reached: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    return reached


def names_in_contracts(contracts: Sequence[Contract], known: set[str]) -> dict[str, list[str]]:
    """Per contract the entries that stand for one module below a room, or for none."""
    subrooms = {name for name in known if name.count(".") == 2 and name.split(".")[-1] not in KINDS}
    subrooms = {name for name in subrooms if any(other.startswith(f"{name}.") for other in known)}
    names = {}
    for number, contract in enumerate(contracts, 1):
        entries = [(entry, [entry]) for entry in dict.fromkeys(entries_of(contract))]
        entries += layers_of(contract)
        named = [name for name, paths in entries if names_a_module(paths, known, subrooms)]
        if named:
            names[str(contract.get("id", number))] = named
    return names


def entries_of(contract: Contract) -> Iterator[str]:
    """Every dotted name or pattern of a contract, its layers left out."""
    for key, value in contract.items():
        if isinstance(value, list) and key != "layers":
            for entry in value:
                yield from (end.strip() for end in str(entry).split("->"))


def layers_of(contract: Contract) -> Iterator[tuple[str, list[str]]]:
    """Each part of each layer of a contract, and its path below each of the containers."""
    layers, containers = contract.get("layers"), contract.get("containers")
    above = [f"{name}." for name in containers] if isinstance(containers, list) else [""]
    for layer in layers if isinstance(layers, list) else []:
        for part in re.split(r"[|:]", str(layer)):
            name = part.strip(" ()")
            yield name, [f"{container}{name}" for container in above]


def names_a_module(paths: Sequence[str], known: set[str], subrooms: set[str]) -> bool:
    """Whether a path, or all paths of a layer together, stand for one module or none."""
    split = [path.split(".") for path in paths]
    is_pattern = len(paths) > 1 or "*" in paths[0]
    if any(path[0] != "survey" or len(path) < 3 for path in split):
        return False
    if is_pattern and (split[0][-1] in KINDS or "**" in paths[0]):
        return False
    matched = {name for name in known for path in split if is_matched(name.split("."), path)}
    return len(matched) < 2 and not matched & subrooms


def is_matched(name: Sequence[str], path: Sequence[str]) -> bool:
    """Whether a dotted name fits a pattern, part for part."""
    return len(name) == len(path) and all(map(fnmatchcase, name, path))


def start_of(tree: Path) -> Start:
    """What `candour --help` of a checkout takes; refuses one without its own .venv."""
    command = (tree / ".venv" / "bin" / "candour").resolve()
    if not command.exists():
        raise SystemExit(f"{command} is missing; `make .venv/.runtime` there makes it.")
    seconds, megabytes = [], []
    for number in range(STARTS + 1):
        run = subprocess.Popen([command, "--help"], cwd=tree, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        if run.returncode:
            raise SystemExit(f"{command} --help failed.")
        if number:  # the first one may still compile
            seconds.append(usage.ru_utime + usage.ru_stime)
            unit = 1 if sys.platform == "darwin" else 1024
            megabytes.append(usage.ru_maxrss * unit / 1e6)
    return Start(median(seconds), median(megabytes))


def measure(tree: Path, *, with_start: bool = False) -> Figures:
    """All figures of a checkout."""
    # First, while this process is small: a child's largest memory is never below its parent's.
    start = start_of(tree) if with_start else None
    modules = modules_of(tree)
    texts = [module.text for module in modules]
    paths = [*(tree / "templates").rglob("*.html"), *(tree / "survey").rglob("*.html")]
    templates = [path.read_text("utf-8") for path in sorted(paths)]
    known = {module.name for module in modules}
    by_string = {module.name: sorted(set(imports_by_string(module, known))) for module in modules}
    graph = {module.name: set(imports_of(module, known)) for module in modules}
    for name, names in by_string.items():
        graph[name].update(names)
    settings = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))
    contracts = settings.get("tool", {}).get("importlinter", {}).get("contracts", [])
    in_concepts = [module for module in modules if module.is_in_a_concept]
    used = sum((identifiers_of(module.tree) for module in modules), Counter[str]())
    lengths = {f"survey/{module.path}": len(module.text.splitlines()) for module in modules}
    return Figures(
        modules_inside_concepts=len(in_concepts),
        private_modules=[f"survey/{m.path}" for m in in_concepts if not m.is_of_a_kind],
        beside_the_rooms=[f"survey/{m.path}" for m in modules if m.is_beside_the_rooms],
        rooms=rooms_of(modules),
        long_files={path: length for path, length in lengths.items() if length > LONGEST_FILE},
        lines=share_over(LONGEST_LINE, texts),
        template_lines={limit: share_over(limit, templates) for limit in LONGEST_TEMPLATE_LINES},
        functions=functions_of(modules),
        identifiers={name: used[name] for name in COUNTED_NAMES},
        words={name: words_in(texts, name) for name in COUNTED_NAMES},
        circles=circles_in(graph),
        imported_by_string=[f"{name} -> {to}" for name, tos in by_string.items() for to in tos],
        names_in_contracts=names_in_contracts(contracts, known),
        start=start,
    )


def words_in(texts: Sequence[str], word: str) -> int:
    """How often a word stands in these texts, in code, strings or comments."""
    return sum(len(re.findall(rf"\b{word}\b", text)) for text in texts)


def table(figures: Figures) -> str:
    """The figures as a table in text, a line each."""
    functions, largest = figures.functions, figures.rooms[0]
    most_files = max(figures.rooms, key=lambda room: room.files)
    private = Counter(path.split("/")[1] for path in figures.private_modules)
    named = [name for names in figures.names_in_contracts.values() for name in names]
    templates: list[tuple[str, str, list[str]]] = []
    for limit, share in figures.template_lines.items():
        templates.append((f"template lines over {limit}", f"{share}", []))
    uses: list[tuple[str, str, list[str]]] = []
    for name, number in figures.identifiers.items():
        uses.append((f"`{name}`", f"{number:,} identifiers, {figures.words[name]:,} words", []))
    rows = [
        (
            "modules of a private name",
            f"{len(figures.private_modules)} of {figures.modules_inside_concepts}",
            [f"{room} {number}" for room, number in private.most_common()],
        ),
        ("files beside the rooms", f"{len(figures.beside_the_rooms)}", figures.beside_the_rooms),
        ("largest room", f"{largest.name}: {largest.lines:,} lines, {largest.files} files", []),
        ("room of most files", f"{most_files.name}: {most_files.files} files", []),
        (
            f"files over {LONGEST_FILE} lines",
            f"{len(figures.long_files)}",
            [f"{path} {number}" for path, number in figures.long_files.items()],
        ),
        (f"lines over {LONGEST_LINE}", f"{figures.lines}", []),
        *templates,
        ("functions", f"{functions.number:,}", []),
        ("tokens a function, median", f"{functions.tokens:g}", []),
        ("tokens a line of the body, median", f"{functions.tokens_a_line:.1f}", []),
        (
            "the same, docstrings among the lines",
            f"{functions.tokens_a_line_with_docstrings:.1f}",
            [],
        ),
        *uses,
        (
            "import circles",
            f"{len(figures.circles)}",
            [" = ".join(circle) for circle in figures.circles],
        ),
        (
            "own modules imported by a string",
            f"{len(figures.imported_by_string)}",
            figures.imported_by_string,
        ),
        (
            "names of modules in contracts",
            f"{len(named)}",
            [f"{key} {len(names)}" for key, names in figures.names_in_contracts.items()],
        ),
    ]
    if figures.start:
        rows += [
            ("candour --help, processor time", f"{figures.start.seconds:.2f} s", []),
            ("candour --help, memory", f"{figures.start.megabytes:.0f} MB", []),
        ]
    width = max(len(what) for what, _, _ in rows)
    return "\n".join(f"{what:{width}}  {value}{in_short(names)}" for what, value, names in rows)


def in_short(names: Sequence[str]) -> str:
    """The first of these names in brackets; nothing where there are none.

    >>> in_short(["a", "b"]), in_short([])
    (' (a; b)', '')
    """
    more = [f"{len(names) - SHOWN_IN_TABLE} more"] if len(names) > SHOWN_IN_TABLE else []
    return f" ({'; '.join([*names[:SHOWN_IN_TABLE], *more])})" if names else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures a checkout and prints its figures."""
    parser = ArgumentParser(prog="python -m tests.project.measure", description="Measure a tree.")
    parser.add_argument("tree", nargs="?", type=Path, default=HERE, metavar="TREE")
    parser.add_argument("--json", action="store_true", help="print every figure, lists whole")
    parser.add_argument("--start", action="store_true", help="also run `candour --help` 8 times")
    asked = parser.parse_args(arguments)
    figures = measure(asked.tree, with_start=asked.start)
    print(json.dumps(asdict(figures), indent=2) if asked.json else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
