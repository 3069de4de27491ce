"""What one wave promised: the facts about the client as they stood when it opened."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from survey.organisation.rules.organisation import CommentReader, Organisation
from survey.organisation.rules.promise import THRESHOLDS, PromiseTerms


@dataclass(frozen=True, slots=True)
class FrozenPromise:
    """The facts about the client and the provider's name, as they stood when a wave opened.

    Invitation, reminder, survey page and thanks of the wave print these, whatever is changed later.
    """

    organisation: Organisation
    provider: str


def terms_of_promise(
    promise: FrozenPromise,
    closes: str,
    thresholds: tuple[int, int] = THRESHOLDS,
    representatives: tuple[str, ...] = (),
) -> PromiseTerms:
    """What the sentences of a promise state; `closes` is the closing time as it is printed."""
    organisation = promise.organisation
    return PromiseTerms(
        organisation=organisation.name,
        provider=promise.provider,
        readers=tuple(reader.name for reader in organisation.readers),
        role=organisation.comments_read_by,
        host=organisation.host,
        closes=closes,
        minimum_group=thresholds[0],
        minimum_detail=thresholds[1],
        representatives=representatives,
    )


def stored_promise(promise: FrozenPromise) -> dict[str, Any]:
    """The promise in the form in which a wave stores it.

    >>> facts = Organisation("N", "Dana", "d@n.example", "Head", "n.example", several_zones=False)
    >>> read_promise(stored_promise(FrozenPromise(facts, "Brightline"))).organisation == facts
    True
    """
    return {"organisation": asdict(promise.organisation), "provider": promise.provider}


def read_promise(stored: Mapping[str, Any]) -> FrozenPromise:
    """A promise from its stored form; facts that an older version did not store have none."""
    facts = dict(stored["organisation"])
    readers = tuple(CommentReader(**reader) for reader in facts.pop("readers", ()))
    for several in ("mail_domains", "weekend"):
        if several in facts:
            facts[several] = tuple(facts[several])
    return FrozenPromise(Organisation(**facts, readers=readers), stored["provider"])
