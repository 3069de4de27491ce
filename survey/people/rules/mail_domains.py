"""Which addresses of a staff list lie outside the organisation's own mail domains."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from survey.kernel.addresses import wire_domain


def count_foreign_domains(
    addresses: Iterable[str], own_domains: Collection[str]
) -> Mapping[str, int] | None:
    """How many addresses each domain has that is not the organisation's, the most frequent first.

    A domain below one of its own is its own as well. None where no own domain is known: then
    nothing is guessed. The domains are spelled as in the addresses.

    >>> addresses = ["a@x.example", "b@mail.x.example", "c@notx.example", "d@y.example"]
    >>> count_foreign_domains(addresses, ("x.example",))
    {'notx.example': 1, 'y.example': 1}
    >>> count_foreign_domains(addresses, ()) is None
    True
    """
    if not own_domains:
        return None
    own = {wire_domain(f"staff@{domain.strip().lstrip('@')}") for domain in own_domains}
    numbers = Counter(address.rpartition("@")[2] for address in addresses)
    foreign = {domain: number for domain, number in numbers.items() if not _is_within(domain, own)}
    return dict(sorted(foreign.items(), key=lambda found: (-found[1], found[0])))


def _is_within(domain: str, own_domains: Collection[str]) -> bool:
    """Whether a domain is one of these, given as in DNS, or lies below one of them."""
    labels = wire_domain(f"staff@{domain}").split(".")
    return any(".".join(labels[at:]) in own_domains for at in range(len(labels)))
