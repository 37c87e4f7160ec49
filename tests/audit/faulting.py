"""A process that appends and erases while strace makes one of its system calls fail. Run by test_log_faults.py.

    python -m tests.audit.faulting DIRECTORY NOTES

It writes its notes with writev(), which nothing else here uses, so that a fault can be aimed at the log's own writes."""

import os
import sys
from pathlib import Path

from gateway.audit.failures import LogUnavailable
from gateway.audit.log import AuditLog, Opening
from tests.audit.logbook import entry, resumes, signer

BEGIN, END = "armed", "disarmed"
BEFORE = 10  # so many that the writing thread has made more calls of each kind than the opening one: strace counts them by thread


def main(directory, notes):
    notebook = os.open(notes, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(text):
        os.writev(notebook, [f"{text}\n".encode()])

    def append(number):
        receipt = log.append_blocking(entry(number, 5_000), {"/who": Opening(b"n" * 32, b"CANARY-%d" % number)})
        note(f"kept {receipt.index} {number}")

    def keep_guard():
        log._writer.send(lambda ledger: ledger.keep_guard(now=True)).result()

    def erase(number):
        log.erase(number, ["/who"])  # this also folds the WAL into the file, and cuts it
        note(f"erased {number}")

    log = AuditLog.open(Path(directory), signer())
    for number in range(BEFORE):
        append(number)
        keep_guard()
        if number < 3:
            erase(number)
    note(BEGIN)
    for act in (lambda: append(BEFORE), keep_guard, lambda: erase(4)):
        try:
            act()
        except LogUnavailable as refusal:
            note(f"refused {refusal.code}")
    note(END)
    resumes(log)
    append(BEFORE + 1)
    erase(5)
    note("resumed")
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
