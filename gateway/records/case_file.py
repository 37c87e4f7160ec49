"""Put together the file of one case for a court: every entry of it, what opens its commitments, and the proof that the log holds it.

An entry is canonical JSON (RFC 8785): written again as such, it is byte for byte what its receipt is about."""

import json
from typing import Any, Final

from gateway.audit.log import AuditLog
from gateway.records.tags import PATH

# Where an entry says which case it is about.
_REFERENCES: Final = ("/facts/request/case/ref", "/case_ref")


def case_file(log: AuditLog, client: str, reference: str) -> dict[str, Any]:
    """Return all that the log holds of a client's case, in its order. Blocks, and reads every opening.

    Entries that can no longer be opened to the case (it was erased) are not found."""
    places = [(index, path) for index, path in log.places_of(reference.encode()) if path in _REFERENCES]
    named = {index: json.loads(log.entry(index)) for index, _path in places}
    of_case = {index for index, entry in named.items() if entry.get("client") == client}
    decisions = {named[index].get("decision_id") for index in of_case} - {None}
    found = []
    for index, body in enumerate(log.entries(0, log.size)):
        entry = json.loads(body)
        if index in of_case or entry.get("decision_id") in decisions:
            found.append(_exhibit(log, index, entry))
    return {"log": log.origin, "key": log.verifier_keys[0].text(), "client": client, "case": reference, "entries": found}


def _exhibit(log: AuditLog, index: int, entry: dict[str, Any]) -> dict[str, Any]:
    openings = {path: opening for path, opening in sorted(log.openings(index).items()) if not path.startswith(PATH)}
    return {
        "index": index,
        "entry": entry,
        "openings": {path: opening.value.decode("utf-8", "replace") for path, opening in openings.items()},
        "nonces": {path: opening.nonce.hex() for path, opening in openings.items()},
        "receipt": log.receipt(index).text(),
    }
