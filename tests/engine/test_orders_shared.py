"""One order is one call, however many workers are shown it at the same moment."""

import hashlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.orders import Operation, SearchLimits, WorkOrder
from engine.workers.ledger import SharedLedger

ROOT = Path(__file__).resolve().parents[2]

# Each process spends every intent from 0 to 299, and prints the calls that it got for them.
SPEND_ALL = """
import sys
from datetime import UTC, datetime, timedelta
from engine.errors import OrderRefused
from engine.orders import Operation, SearchLimits, WorkOrder
from engine.workers.ledger import SharedLedger
ledger = SharedLedger(int(sys.argv[1]))
now = datetime.now(UTC)
print("ready", flush=True)
sys.stdin.readline()
for intent in range(300):
    order = WorkOrder("b0", intent, Operation.DETECT, "0" * 64, SearchLimits(1, 0, 99.0), now, now + timedelta(minutes=1))
    try:
        print(intent, ledger.spend(order))
    except OrderRefused:
        pass
"""

HOLD_THE_LOCK = """
import fcntl, sys, time
fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""


def start(program: str, ledger: SharedLedger) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(ledger.descriptor)],
        pass_fds=(ledger.descriptor,),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_three_processes_exactly_one_gets_each_order_and_the_calls_count_1_2_3_without_a_gap():
    ledger = SharedLedger.empty()
    processes = [start(SPEND_ALL, ledger) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    lines = [line.split() for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert sorted(int(intent) for intent, _ in lines) == list(range(300))
    assert sorted(int(call) for _, call in lines) == list(range(1, 301))
    assert all(ledger.call_of(int(intent)) == int(call) for intent, call in lines)
    assert ledger.calls == 300
    ledger.close()


def test_a_worker_killed_while_it_holds_the_ledger_leaves_it_open_to_the_others():
    ledger = SharedLedger.empty()
    holder = start(HOLD_THE_LOCK, ledger)
    assert holder.stdout.readline() == "locked\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate(timeout=10)
    now = datetime.now(UTC)
    digest = hashlib.sha256(b"").hexdigest()
    assert ledger.spend(WorkOrder("b0", 1, Operation.DETECT, digest, SearchLimits(1, 0, 99.0), now, now + timedelta(minutes=1))) == 1
    ledger.close()
