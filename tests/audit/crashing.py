"""A process that appends to a log and kills itself at a named point. Run by test_log_crash.py; writes each acknowledgement to a file.

python -m tests.audit.crashing DIRECTORY POINT NOTES"""

import os
import signal
import sys
from pathlib import Path

from gateway.audit import guard as guard_module
from gateway.audit import ledger as ledger_module
from gateway.audit.log import AuditLog, Opening
from gateway.audit.stores.sqlite import SqliteStore
from tests.audit.logbook import entry, signer

BEFORE = 3  # entries that are acknowledged before the point is armed


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def at_statement(start):
    """Die when the writing connection is about to run a statement that starts so."""

    def arm(log):
        connection = log._writer.ledger.store._writer
        connection.set_trace_callback(lambda statement: die() if statement.startswith(start) else None)

    return arm


def amid_statement(steps):
    """Die when the writing connection has run that many steps of SQLite's machine since it was armed."""

    def arm(log):
        log._writer.ledger.store._writer.set_progress_handler(die, steps)

    return arm


def around(owner, name, *, after=False):
    """Die just before or just after this method of a class runs."""

    def arm(_log):
        sound = getattr(owner, name)

        def fatal(*arguments, **options):
            if after:
                sound(*arguments, **options)
            die()

        setattr(owner, name, fatal)

    return arm


APPENDING = {
    "before-the-transaction": at_statement("INSERT INTO intake"),
    "early-in-the-transaction": amid_statement(5),
    "amid-the-transaction": amid_statement(25),
    "late-in-the-transaction": amid_statement(45),
    "after-the-commit-before-the-tree-grows": around(SqliteStore, "commit", after=True),
    "after-the-tree-grows-before-the-answer": around(ledger_module.Ledger, "append", after=True),
    "before-the-guard": around(ledger_module.Ledger, "keep_guard"),
    "before-the-guard-is-synced": around(guard_module.os, "fsync"),
    "before-the-guard-is-renamed": around(guard_module.Path, "replace"),
    "after-the-guard": around(ledger_module.Ledger, "keep_guard", after=True),
}
BEGINNING = {
    "before-the-first-guard": around(guard_module.Guard, "write"),
    "between-first-guard-and-layout": around(SqliteStore, "begin"),
    "after-the-layout": around(SqliteStore, "begin", after=True),
}
ERASING = {
    "before-the-overwriting": at_statement("UPDATE openings"),
    "before-the-wal-is-cut": around(SqliteStore, "_cut_wal"),
    "after-the-wal-is-cut": around(SqliteStore, "_cut_wal", after=True),
}


def main(directory, point, notes):
    if point in BEGINNING:
        BEGINNING[point](None)
    log = AuditLog.open(Path(directory), signer())
    with Path(notes).open("ab", buffering=0) as acknowledged:
        for number in range(BEFORE + 5):
            if number == BEFORE:
                (APPENDING | ERASING)[point](log)
                if point in ERASING:
                    log.erase(0, ["/who"])
            receipt = log.append_blocking(entry(number), {"/who": Opening(b"n" * 32, b"CANARY-%d" % number)})
            acknowledged.write(b"%d %d\n" % (receipt.index, number))
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
