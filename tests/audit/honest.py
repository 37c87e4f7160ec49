"""A small honest log in memory, so that what checks a log can be tested without the real log's storage.

It keeps entries and hashes apart, as a database does: a test may alter one and leave the other as it was."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from gateway.audit.note import Checkpoint, NoteSigner, sign_note
from gateway.audit.tiles import HEIGHT, WIDTH
from gateway.audit.tree import Frontier, leaf_hash

ORIGIN = "custodes.test/log"
START = datetime(2026, 11, 23, 10, 0, 0, 123456, UTC)
BLOCK = 10  # entries in one turn of the story below
BLOCKS_PER_BOOT = 100
RULEBOOK = b'{"rules":["what this log was decided under"]}'
RULEBOOK_DIGEST = sha256(RULEBOOK).hexdigest()


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def moment(index: int) -> str:
    return (START + timedelta(milliseconds=index)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(kind: str, index: int, **more: object) -> dict[str, object]:
    return {"v": 1, "kind": kind, "at": moment(index), **more}


def decided(kind: str, index: int, decision: str, **more: object) -> dict[str, object]:
    facts = {
        "authorisations": [
            {"issuer": "district-court", "place": "US-WA", "status": "granted", "type": "court_order", "valid_to": "2026-12-31T00:00:00Z"}
        ],
        "capture": {"live": False, "source": "family_photo"},
        "client": {"kind": "ngo", "name": "example-ngo"},
        "evidence": {"evaluated_on": "2026-11-01", "false_match_ratio": "decimal:3.1"},
        "operation": "identify",
        "purpose": "missing_person",
        "place": "US-WA",
        "case": {"ref": f"commitment:{index:064x}", "registered": True},
        "gallery": {"id": "missing-2026", "lawful": True},
    }
    answer = {"decision": decision, "rules": ["baseline.missing-person"], "obligations": ["human-review"]}
    return plain(kind, index, decision_id=f"d-{index}", client="example-ngo", rulebook=RULEBOOK_DIGEST, facts=facts, answer=answer, **more)


def story(index: int, size: int) -> dict[str, object]:
    """Entry `index` of a lively log of `size` entries: searches that overlap, refusals, a crash a turn, a restart now and then."""
    turn, step = divmod(index - 1, BLOCK)
    first = turn * BLOCK + 1
    if index == 0:
        return plain("genesis", 0, origin=ORIGIN)
    if first + BLOCK > size:
        return plain("heartbeat", index)
    boot, call = f"{turn // BLOCKS_PER_BOOT + 1:032x}", turn % BLOCKS_PER_BOOT * 2
    account = {"boot": boot, "recogniser": "dlib-onnx", "faces": 1, "threshold": "decimal:99.9", "milliseconds": 41}
    match step:
        case 0 | 1 | 7:
            return decided("intent", index, "permit", boot=boot, order=f"o-{index}")
        case 2:
            return decided("denial", index, "refusal", needed=["case_reference", "judicial_authorisation"])
        case 3:
            return plain("outcome", index, intent=first + 1, decision_id=f"d-{first + 1}", engine={**account, "call": call + 1})
        case 4:
            return plain("outcome", index, intent=first, decision_id=f"d-{first}", engine={**account, "call": call + 2})
        case 5:
            return plain("review", index, decision_id=f"d-{first}", act="released", reviewer=f"commitment:{index:064x}")
        case 6:
            return decided("check", index, "refusal", needed=["case_reference"])
        case 8:
            return plain("abandoned", index, intent=first + 7, decision_id=f"d-{first + 7}", why="the gateway was restarted")
        case _:
            return plain("heartbeat", index)


def rulebook(digest: str) -> bytes | None:
    """The text of the one rulebook that the story is decided under."""
    return RULEBOOK if digest == RULEBOOK_DIGEST else None


class HonestLog:
    """Appends bytes, and answers what an export asks of a log."""

    def __init__(self, *signers: NoteSigner) -> None:
        self.signers = list(signers) or [NoteSigner.generate(ORIGIN)]
        self.rows: list[bytes] = []
        self.tiles: dict[tuple[int, int], list[bytes]] = {}
        self.edge = Frontier()

    @classmethod
    def of(cls, size: int, *signers: NoteSigner) -> "HonestLog":
        log = cls(*signers)
        for index in range(size):
            log.append(story(index, size))
        return log

    def extended(self, rows: list[bytes]) -> "HonestLog":
        for row in rows:
            self.append(row)
        return self

    def append(self, entry: dict[str, object] | bytes) -> None:
        raw = entry if isinstance(entry, bytes) else canonical(entry)
        self.rows.append(raw)
        for level, index, node in self.edge.append(leaf_hash(raw)):
            if level % HEIGHT == 0:
                self.tiles.setdefault((level // HEIGHT, index // WIDTH), []).append(node)

    @property
    def key(self):
        return self.signers[-1].key

    def checkpoint(self) -> bytes:
        return sign_note(Checkpoint(self.key.name, self.edge.size, self.edge.root()).text(), *self.signers)

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        return iter(self.rows[start:stop])

    def hashes(self, level: int, index: int, width: int) -> bytes:
        return b"".join(self.tiles[level, index][:width])
