"""Measure how long a stranger needs to verify a log from its export, and in how much memory. Knows nothing of the real log's storage.

    python -m bench.verify [--entries 1000000] [--directory DIR] [--json]

An honest log of searches, refusals, reviews and heartbeats is generated and exported; then a new process verifies the export,
against an older checkpoint of half the size, and says how long it took and how much memory it ever held."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.audit.export import write_export
from gateway.audit.note import Checkpoint, sign_note
from gateway.audit.tree import leaf_hash
from tests.audit.honest import HonestLog, canonical, rulebook, story

GOAL_SECONDS = 60

CHILD = """
import json, sys, time
from pathlib import Path
from gateway.audit.note import VerifierKey
from gateway.audit.verify import verify_export

def most_memory():  # of this program alone; getrusage would count what the parent held when it forked
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before, start, cpu = most_memory(), time.perf_counter(), time.process_time()
report = verify_export(Path(sys.argv[1]), VerifierKey.parse(sys.argv[2]), Path(sys.argv[3]).read_bytes())
print(json.dumps({
    "ok": report.ok, "size": report.size, "since": report.since, "seconds": time.perf_counter() - start,
    "cpu_seconds": time.process_time() - cpu, "kib_before": before, "kib": most_memory(),
}))
"""


class Regenerated(HonestLog):
    """An honest log that keeps its hashes and writes its entries anew whenever they are asked for."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.planned = size
        self.bytes = 0
        self.older = b""
        for index in range(size):
            raw = canonical(story(index, size))
            self.bytes += len(raw)
            for level, place, node in self.edge.append(leaf_hash(raw)):
                if level % 8 == 0:
                    self.tiles.setdefault((level // 8, place // 256), []).append(node)
            if index + 1 == size // 2:
                self.older = sign_note(Checkpoint(self.key.name, self.edge.size, self.edge.root()).text(), *self.signers)

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Write the entries [start, stop) again."""
        return (canonical(story(index, self.planned)) for index in range(start, stop))


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of one run."""

    ok: bool
    size: int
    since: int
    seconds: float
    cpu_seconds: float
    kib_before: int
    kib: int
    bytes_an_entry: float
    export_seconds: float


def measure(entries: int, directory: Path) -> Found:
    """Generate, export and verify once."""
    log = Regenerated(entries)
    begun = time.perf_counter()
    write_export(log, directory / "export", log.key, rulebook=rulebook)
    exported = time.perf_counter() - begun
    (directory / "older").write_bytes(log.older)
    command = [sys.executable, "-c", CHILD, str(directory / "export"), log.key.text(), str(directory / "older")]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Found(**json.loads(answer.stdout), bytes_an_entry=log.bytes / entries, export_seconds=exported)


def main() -> int:
    """Print the figures; exit status 1 if the log did not verify."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--entries", type=int, default=1_000_000)
    asked.add_argument("--directory", type=Path)
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        found = measure(options.entries, Path(place))
    if options.json:
        print(json.dumps(asdict(found)))
    else:
        print(f"{found.size} entries of {found.bytes_an_entry:.0f} bytes, since {found.since}: verified {found.ok}")
        rate = options.entries / found.seconds
        print(
            f"  {found.seconds:.1f} s ({found.cpu_seconds:.1f} s of CPU), {rate:,.0f} entries/s; goal for 1,000,000: under {GOAL_SECONDS} s"
        )
        print(f"  {found.kib / 1024:.0f} MiB at most, of which {found.kib_before / 1024:.0f} before the first entry")
        print(
            f"  exported in {found.export_seconds:.1f} s; Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
        )
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
