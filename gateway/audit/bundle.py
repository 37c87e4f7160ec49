"""Write the evidence for one decision as one zip file that proves itself: entries, proofs, openings, rulebooks, a page that checks them.

It never decides who may see what: it writes what it is given. The same evidence gives the same bytes."""

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from gateway.audit.page import render
from gateway.audit.published import CHECKPOINT, KEY, rulebook_path
from gateway.audit.quorum import TrustPolicy
from gateway.audit.stores.base import Opening

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
DIGESTS: Final = "digests.json"
PAGE: Final = "verify.html"
README: Final = "README.txt"
REDRESS: Final = "REDRESS.txt"
WITNESSES: Final = "witnesses.policy"

_FIRST_DAY: Final = 0x21  # 1980-01-01, the first that a zip file can name: when it was packed is nobody's evidence
_PLAIN_FILE: Final = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One entry, byte for byte; the tlog-proof of its place under the bundle's checkpoint; and what its reader may open of it."""

    index: int
    entry: bytes
    proof: str
    openings: Mapping[str, Opening] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that shows one decision to one reader. `reader` is a word for whom it was packed; `kept_back` counts the decision's
    entries that this reader may not see; `witnesses` is the operator's policy, if its quorum has cosigned the
    checkpoint."""

    decision_id: str
    reader: str
    key: str
    checkpoint: bytes
    exhibits: Sequence[Exhibit]
    rulebooks: Mapping[str, bytes]
    redress: str
    witnesses: TrustPolicy | None = None
    kept_back: int = 0


def write_bundle(evidence: Evidence) -> bytes:
    """Return the zip file."""
    files = {
        CHECKPOINT: evidence.checkpoint,
        KEY: f"{evidence.key}\n".encode(),
        README: readme(evidence).encode(),
        REDRESS: evidence.redress.encode(),
        DIGESTS: _json(digests([exhibit.entry for exhibit in evidence.exhibits])),
        **{rulebook_path(digest): text for digest, text in evidence.rulebooks.items()},
    }
    if evidence.witnesses is not None:
        files[WITNESSES] = evidence.witnesses.encode()
    for exhibit in evidence.exhibits:
        files[entry_path(exhibit.index)] = exhibit.entry
        files[proof_path(exhibit.index)] = exhibit.proof.encode()
        if exhibit.openings:
            files[openings_path(exhibit.index)] = _json(
                {path: {"nonce": one.nonce.hex(), "value": one.value.decode()} for path, one in exhibit.openings.items()}
            )
    head = {"decision_id": evidence.decision_id, "reader": evidence.reader, "kept_back": evidence.kept_back, "v": VERSION}
    files[PAGE] = render(page_data(head, files)).encode()
    files[MANIFEST] = _json(head | {"files": {name: sha256(content).hexdigest() for name, content in files.items()}})
    return pack(files)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file of these files: sorted, stored, dated alike, so that the same files are the same bytes.

    Written out here, since the standard library's writer may choose other bytes in another version, and this is compared for ever."""
    parts, directory, place = [], [], 0
    for name in sorted(files):
        content, spelled = files[name], name.encode("ascii")
        described = struct.pack("<5HL2L2H", 20, 0, 0, 0, _FIRST_DAY, zlib.crc32(content), len(content), len(content), len(spelled), 0)
        parts += [b"PK\x03\x04", described, spelled, content]
        directory += [b"PK\x01\x02", struct.pack("<H", 3 << 8 | 20), described, struct.pack("<3H2L", 0, 0, 0, _PLAIN_FILE, place), spelled]
        place += 4 + len(described) + len(spelled) + len(content)
    listing = b"".join(directory)
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, len(files), len(files), len(listing), place, 0)
    return b"".join(parts) + listing + end


def page_data(head: Mapping[str, object], files: Mapping[str, bytes]) -> dict[str, object]:
    """Return what the page is given to check: the files that prove something, as base64, under their names."""
    proving = {name: content for name, content in files.items() if name not in (README, PAGE, MANIFEST)}
    named = {name: head[name] for name in ("decision_id", "reader", "kept_back", "v")}
    return {**named, "files": {name: base64.b64encode(content).decode() for name, content in sorted(proving.items())}}


def digests(entries: Sequence[bytes]) -> dict[str, list[str]]:
    """Return what the entries name of that which compared the faces: recogniser, calibration, cohort, evaluation."""
    found: dict[str, set[str]] = {"recogniser": set(), "calibration": set(), "cohort": set(), "evaluation": set()}
    for raw in entries:
        entry = json.loads(raw)
        request = _object(_object(entry.get("facts")).get("request"))
        for name, value in (
            ("recogniser", _object(entry.get("engine")).get("recogniser")),
            ("calibration", entry.get("calibration")),
            ("cohort", entry.get("cohort")),
            ("evaluation", _object(request.get("evidence")).get("digest")),
        ):
            if isinstance(value, str):
                found[name].add(value)
    return {name: sorted(values) for name, values in found.items()}


def entry_path(index: int) -> str:
    """Name the file of an entry, so that a listing has them in their order."""
    return f"entries/{index:012d}.json"


def proof_path(index: int) -> str:
    """Name the file of an entry's proof."""
    return f"proofs/{index:012d}.tlog-proof"


def openings_path(index: int) -> str:
    """Name the file of what may be opened of an entry."""
    return f"openings/{index:012d}.json"


def readme(evidence: Evidence) -> str:
    """Return the bundle's explanation in plain words."""
    kept = f"{evidence.kept_back} entries of this decision are not for this reader, and are not here.\n\n" if evidence.kept_back else ""
    return f"""Evidence for decision {evidence.decision_id}
Packed for: {evidence.reader}

What this is. A gateway stands in front of a face recogniser, decides who may search for whom and why, and writes each decision
and each outcome into a log that nobody can change unseen. These files are what the log says of one decision, and the proof.

{kept}To check it, open verify.html in a browser: it works without a network, and says step by step what holds. It checks these files; it
cannot know whether the log's key is the true one. Compare the key that it shows with the one that you were given on another way.

To check it without trusting the page, with Python 3.11, the package "cryptography" and the gateway's source:

    python3 -m gateway.audit BUNDLE.zip --key VKEY

What lies here
    entries/        what the log holds, byte for byte; names and references stand in it as commitments
    proofs/         the proof that each entry lies in the log (c2sp.org/tlog-proof@v1)
    openings/       what opens the commitments that you may see: value and nonce; HMAC-SHA256(nonce, value) is the commitment
    rulebooks/      the rules that were in force; the entry names their SHA-256
    checkpoint      the log's signed head (C2SP checkpoint), with the signatures of witnesses if there are any
    log.vkey        the log's verifier key, for comparison alone
    witnesses.policy  whose cosignatures the operator relies on (C2SP tlog-policy), if any are on the checkpoint; for comparison alone
    digests.json    which recogniser, calibration, cohort and evaluation the entries name
    REDRESS.txt     what you can do if you think that this was wrong
    manifest.json   the SHA-256 of each file: it shows damage, not forgery

What it shows, and what not. It shows what was decided, by which rules, when the log took it down, and that the log still holds it. It
does not show that what a client declared was true, nor that two faces are the same person's.
"""


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
