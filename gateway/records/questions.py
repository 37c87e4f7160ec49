"""Answer whether the log shows that somebody was searched for, found or compared with: by a tag, with proofs. Records nothing itself.

An answer can be checked without the house: each entry lies in the log, and each carries a commitment that opens to the one tag."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog, Opening
from gateway.audit.note import VerifierKey
from gateway.audit.tlogproof import TlogProof
from gateway.records.commitments import commitment_of
from gateway.records.disclosure import confirmed
from gateway.records.explorer import Explorer, Filter
from gateway.records.tags import PATH

MOST_SHOWN: Final = 200
_STORY: Final = 500


@dataclass(frozen=True, slots=True)
class Trace:
    """One entry that carries the tag: where, how the person or case stands in it, whether that was given out; and what proves it."""

    index: int
    at: str
    role: str
    released: bool
    entry: bytes
    path: str
    opening: Opening
    receipt: str

    def to_json(self) -> dict[str, object]:
        """The trace as the ombudsman gets it; `entry` byte for byte."""
        return {
            "index": self.index,
            "at": self.at,
            "as": self.role,
            "released": self.released,
            "entry": base64.b64encode(self.entry).decode(),
            "path": self.path,
            "nonce": self.opening.nonce.hex(),
            "receipt": self.receipt,
        }


@dataclass(frozen=True, slots=True)
class Traces:
    """What the log shows of a tag: how many entries, and the newest of them with their proofs."""

    tag: str
    count: int
    shown: Sequence[Trace]


def traces_of(tag: str, log: AuditLog, explorer: Explorer) -> Traces:
    """Return the traces of a tag. Blocks, and reads every opening. Raises what the log raises."""
    places = sorted((index, path) for index, path in log.places_of(tag.encode()) if path.startswith(PATH))
    return Traces(tag, len(places), [_trace(index, path, log, explorer) for index, path in places[-MOST_SHOWN:]])


def _trace(index: int, path: str, log: AuditLog, explorer: Explorer) -> Trace:
    entry = log.entry(index)
    said = json.loads(entry)
    found = said["kind"] == "outcome"
    story = [json.loads(one.body) for one in explorer.find(Filter(decision_id=said["decision_id"]), limit=_STORY)] if found else []
    released = found and said.get("status") in ("released", "held") and int(path.removeprefix(PATH)) in confirmed(said, story)
    receipt = log.receipt(index).text()
    return Trace(index, said["at"], "found" if found else "sought", released, entry, path, log.openings(index)[path], receipt)


def check_answer(answer: object, *keys: VerifierKey) -> list[str]:
    """Return what does not hold in an answer, as sentences; nothing if all of it does. For whoever holds the answer and the log's key."""
    try:
        assert isinstance(answer, Mapping)
        faults = [fault for trace in answer["entries"] if (fault := _fault(trace, answer["tag"], keys)) is not None]
        if len({(trace["index"], int(trace["path"].removeprefix(PATH))) for trace in answer["entries"]}) != len(answer["entries"]):
            faults.append("The answer lists one entry twice.")
        if answer["searched"] is not (answer["count"] > 0) or len(answer["entries"]) != min(answer["count"], MOST_SHOWN):
            faults.append("The answer says one thing, and lists another.")
        TlogProof.parse(answer["receipt"]).verify(base64.b64decode(answer["question"], validate=True), *keys)
    except (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError, AuditError) as fault:
        return [f"The answer cannot be read, or its own entry is not in the log: {fault}."]
    return faults


def _fault(trace: Mapping[str, Any], tag: str, keys: Sequence[VerifierKey]) -> str | None:
    entry = base64.b64decode(trace["entry"], validate=True)
    try:
        proof = TlogProof.parse(trace["receipt"])
        proof.verify(entry, *keys)
    except AuditError as fault:
        return f"Entry {trace['index']} is not shown to be in the log: {fault}."
    number = int(trace["path"].removeprefix(PATH))
    true = commitment_of(bytes.fromhex(trace["nonce"]), tag.encode())
    if number < 0 or proof.index != trace["index"] or not hmac.compare_digest(json.loads(entry)["tags"][number], true):
        return f"Entry {trace['index']} does not open to this tag."
    return None
