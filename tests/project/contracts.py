"""A contract of our own: the seven kinds of files in every room, told by their path."""

from dataclasses import dataclass

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ROOMS_START, SUBROOMS_END = 1, 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module stands: `survey.mail.outbox.service.queue` is of the kind `service` in the
    room `mail`.
    """

    room: str
    kind: str


def place_of(module: str, kinds: frozenset[str]) -> Place | None:
    """The room and kind of a module.

    The first part below its room, or below a sub-room, that names a kind.

    None for the frame, for packages that hold kinds, and for what is of no kind.
    """
    parts = module.split(".")
    for part in parts[ROOMS_START + 1 : SUBROOMS_END]:
        if part in kinds:
            return Place(parts[ROOMS_START], part)
    return None


class KindsContract(Contract):
    """In a room an import points from a higher kind to a lower one, or stays within its kind."""

    type_name = "kinds"

    kinds = fields.ListField(subfield=fields.StringField())
    without_kinds = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - the library's signature
        """Looks at each import between two modules of one room."""
        floor_of = {
            kind.strip(): number
            for number, layer in enumerate(self.kinds)
            for kind in layer.split("|")
        }
        climbs = sorted(
            f"{importer} -> {imported}"
            for importer in graph.modules
            if importer.startswith("survey.")
            for imported in graph.find_modules_directly_imported_by(importer)
            if _climbs(importer, imported, floor_of, frozenset(self.without_kinds))
        )
        return ContractCheck(kept=not climbs, metadata={"climbs": climbs})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints each import that climbs."""
        for climb in check.metadata["climbs"]:
            output.print_error(f"An import inside a room climbs: {climb}")
        output.print_error(
            "docs/architecture.md says what each of the seven kinds holds: move the code to the"
            " kind that has all it needs."
        )


def _climbs(
    importer: str, imported: str, floor_of: dict[str, int], without_kinds: frozenset[str]
) -> bool:
    kinds = frozenset(floor_of)
    above, below = place_of(importer, kinds), place_of(imported, kinds)
    if above is None or below is None or above.room != below.room or above.room in without_kinds:
        return False
    if above.kind == below.kind:
        return False
    return floor_of[above.kind] >= floor_of[below.kind]
