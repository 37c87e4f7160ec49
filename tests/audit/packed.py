"""A bundle of evidence made from an honest log in memory, and the means to spoil one part of it and make the rest agree."""

import hmac
import io
import json
import zipfile
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from gateway.audit.bundle import MANIFEST, PAGE, Evidence, Exhibit, pack, page_data, write_bundle
from gateway.audit.note import Cosigner, Note, to_base64
from gateway.audit.page import render
from gateway.audit.quorum import TrustPolicy
from gateway.audit.stores.base import Opening
from gateway.audit.submission import with_signatures
from gateway.audit.tree import inclusion_proof, leaf_hash
from tests.audit.honest import RULEBOOK, RULEBOOK_DIGEST, HonestLog, decided, plain

CASE = Opening(b"n" * 32, "MP-2026-0142 <b>& ünïcode".encode())
DECISION = "d-31"


def commitment(opening):
    return "commitment:" + hmac.digest(opening.nonce, opening.value, "sha256").hex()


def honest():
    """Return a log of 40 entries with one search in it, from the intent to a reviewed release, and its evidence."""
    log = HonestLog.of(31)
    intent = decided("intent", 31, "permit", boot="ab")
    intent["facts"] = {
        "at": intent["at"],
        "licence": [],
        "request": {"purpose": "missing_person", "operation": "identify", "case": {"ref": commitment(CASE)}},
    }
    log.append(intent)
    log.append(plain("heartbeat", 32))
    log.append(
        plain(
            "outcome",
            33,
            intent=31,
            decision_id=DECISION,
            status="released",
            candidates=[],
            calibration="c" * 64,
            engine={"boot": "ab", "call": 1, "recogniser": "r" * 64},
        )
    )
    log.append(plain("review", 34, decision_id=DECISION, act="released", confirmed=[], reviewer="</script><img src=x onerror=alert(1)>"))
    log.extended([json.dumps(plain("heartbeat", index), sort_keys=True, separators=(",", ":")).encode() for index in range(35, 40)])
    return log, evidence(log, {31: {"/facts/request/case/ref": CASE}, 33: {}, 34: {}})


def evidence(log, exhibits, **more):
    checkpoint = log.checkpoint()
    leaves = [leaf_hash(row) for row in log.rows]

    def node_at(level, index):
        if level == 0:
            return leaves[index]
        return sha256(b"\x01" + node_at(level - 1, 2 * index) + node_at(level - 1, 2 * index + 1)).digest()

    def proof(index):
        lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(to_base64, inclusion_proof(index, len(leaves), node_at))]
        return "\n".join(lines) + "\n\n" + checkpoint.decode()

    return Evidence(
        decision_id=DECISION,
        reader="auditor",
        key=log.key.text(),
        checkpoint=checkpoint,
        exhibits=[Exhibit(index, log.rows[index], proof(index), opened) for index, opened in exhibits.items()],
        rulebooks={RULEBOOK_DIGEST: RULEBOOK},
        redress="Ask.\n",
        **more,
    )  # fmt: skip


WITNESS_KEYS = {name: Cosigner.generate(f"witness.test/{name}") for name in ("court", "auditor", "ngo")}
SEEN_AT = {"court": "2026-11-23T12:00:00Z", "auditor": "2026-11-23T12:00:30Z", "ngo": "2026-11-23T12:01:00Z"}
TWO_OF_THREE = "".join(
    [*(f"witness {name} {cosigner.key.text()}\n" for name, cosigner in WITNESS_KEYS.items()), "group two 2 court auditor ngo\nquorum two\n"]
)


def cosigned(names, policy=TWO_OF_THREE):
    """Return the honest evidence under a checkpoint that these witnesses have cosigned, and the policy that names them."""
    log, plain_evidence = honest()
    text = Note.parse(plain_evidence.checkpoint).text
    times = {name: int(datetime.fromisoformat(moment).timestamp()) for name, moment in SEEN_AT.items()}
    checkpoint = with_signatures(plain_evidence.checkpoint, [WITNESS_KEYS[name].cosign(text, times[name]) for name in names])
    log.checkpoint = lambda: checkpoint
    opened = {exhibit.index: dict(exhibit.openings) for exhibit in plain_evidence.exhibits}
    return evidence(log, opened, witnesses=TrustPolicy.parse(policy.encode()))


def files_of(bundle):
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(files):
    """Return the bundle of these files with manifest and page made anew, as a forger who knows the format would."""
    files = dict(files)
    head = json.loads(files[MANIFEST])
    head.pop("files")
    files[PAGE] = render(page_data(head, files)).encode()
    listed = {name: sha256(content).hexdigest() for name, content in files.items() if name != MANIFEST}
    files[MANIFEST] = json.dumps(head | {"files": listed}, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return pack(files)


__all__ = ["CASE", "DECISION", "commitment", "cosigned", "evidence", "files_of", "honest", "repacked", "replace", "write_bundle"]
