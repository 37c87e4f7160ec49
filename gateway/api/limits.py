"""Tell clients how much of a quota is left, as draft-ietf-httpapi-ratelimit-headers-10 writes it. Counts nothing."""

from collections.abc import Iterable, Mapping

from gateway.api.fields import listed
from gateway.registry.quotas import Standing


def limit_headers(standing: Iterable[Standing]) -> dict[str, str]:
    """Return `ratelimit-policy` and `ratelimit`: the quotas, and what is left of each. Nothing where nothing is counted."""
    quotas = tuple(standing)
    if not quotas:
        return {}
    return {
        "ratelimit-policy": listed((quota.name, _known(q=quota.limit, w=quota.window)) for quota in quotas),
        "ratelimit": listed((quota.name, _known(r=quota.remaining, t=quota.resets_in)) for quota in quotas),
    }


def _known(**numbers: int | None) -> Mapping[str, int]:
    return {name: number for name, number in numbers.items() if number is not None}
