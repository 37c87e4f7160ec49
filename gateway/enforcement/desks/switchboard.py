"""Say which packs are on, since when, until when and with which options, and which are off. Switches none."""

import json
from typing import Any

from gateway.clock import iso
from gateway.registry.rulebook import Rulebooks
from policies.packs import Option, Pack, load, names
from policies.vocabulary import Vocabulary


def packs_now(rulebooks: Rulebooks) -> dict[str, Any]:
    """Return every pack that ships, as the live rulebook has it. `since` is when the unbroken row of rulebooks that hold it began."""
    words = Vocabulary.shipped()
    reigns = rulebooks.reigns()
    held: dict[str, dict[str, Any]] = {}
    for digest in {reign.digest for reign in reigns}:
        held[digest] = {pack["name"]: pack for pack in json.loads(rulebooks.get(digest).text)["packs"]}
    live = held[reigns[-1].digest]
    packs = []
    for name in names():
        since = None
        for reign in reversed(reigns):
            if name not in held[reign.digest]:
                break
            since = iso(reign.since)
        packs.append(_described(load(name, words), live.get(name), since))
    return {"rulebook": reigns[-1].digest, "packs": packs}


def _described(pack: Pack, on: dict[str, Any] | None, since: str | None) -> dict[str, Any]:
    return {
        "name": pack.name,
        "title": pack.title,
        "status": pack.status,
        "verified_on": pack.verified_on.isoformat(),
        "effective_from": None if pack.effective_from is None else pack.effective_from.isoformat(),
        "effective_to": None if pack.effective_to is None else pack.effective_to.isoformat(),
        "place": pack.place,
        "sources": [{"mark": source.mark, "title": source.title, "address": source.address} for source in pack.sources],
        "options": [_option(option, None if on is None else on["options"].get(option.name)) for option in pack.options.values()],
        "on": on is not None,
        "since": since,
        "from": None if on is None else on.get("begins"),
        "to": None if on is None else on.get("ends"),
        # A pack whose files changed since the live rulebook was built still acts as it was then.
        "as_shipped": on is None or on["version"] == pack.version,
    }


def _option(option: Option, value: object) -> dict[str, Any]:
    default = list(option.default) if isinstance(option.default, tuple) else option.default
    return {"name": option.name, "sentence": option.sentence, "default": default, "value": default if value is None else value}
