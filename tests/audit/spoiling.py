"""Spoil bytes and directories by chance, as a hostile or clumsy keeper of an export might, and say which entry is the first to suffer.

A seed gives the same damage each time; `python -m tests.audit.spoiling SEED COUNT` tries many on an export of its own."""

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from gateway.audit.export import write_export
from gateway.audit.tiles import Tile
from gateway.audit.verify import verify_export
from tests.audit.honest import HonestLog, rulebook

INSERTED = (b"\n", b" ", b"\n\n", b"\0", b"\xff", b"0", b"-", b"+", "— ".encode(), b"=", b"\r", b"extra eA==\n", b"9" * 24, b"\xed\xa0\x80")


def spoilt(raw, chance):
    """Return the bytes with one thing wrong."""
    raw = bytearray(raw)
    at, other = (chance.randrange(len(raw)) if raw else 0 for _ in range(2))
    match chance.randrange(9):
        case 0 | 1:
            raw[at : at + 1] = bytes([raw[at] ^ 1 << chance.randrange(8)]) if raw else b"x"
        case 2:
            raw[at:at] = chance.choice(INSERTED)
        case 3:
            del raw[at : at + chance.choice([1, 2, 32, 64])]
        case 4:
            del raw[at:]
        case 5:
            raw += chance.randbytes(chance.choice([1, 2, 32]))
        case 6:
            raw += raw[-chance.choice([1, 32, 100]) :]
        case 7:
            raw[at:] = raw[at:][::-1]
        case _:
            size = chance.choice([1, 8, 32])
            raw[at : at + size], raw[other : other + size] = raw[other : other + size], raw[at : at + size]
    return bytes(raw)


def reshaped(folder, chance):
    """Add, remove, rename or replace something in a directory, and say what."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path, other = chance.choice(files), chance.choice(files)
    match chance.randrange(10):
        case 0:
            path.unlink()
        case 1:
            shutil.copy(path, f"{path}{chance.choice(['.bak', '~', '2', '.p'])}")
        case 2:
            path.rename(path.with_name(chance.choice(["x", "100", "x000", f"{path.name}.p"])))
        case 3 if path.read_bytes() != other.read_bytes():
            path.write_bytes(other.read_bytes())
        case 4:
            path.unlink()
            path.mkdir()
        case 5:
            path.rename(folder.parent / "aside")
            path.symlink_to(folder.parent / "aside")
        case 6:
            path.unlink()
            os.mkfifo(path)
        case 7:
            (folder / "empty" / "deep").mkdir(parents=True)
        case 8:
            path.write_bytes(b"\0" * chance.choice([0, 1, 20_000]))
        case _:
            (folder / f"rulebooks/{'0' * 64}.json").write_bytes(b"{}")
    return f"{path.relative_to(folder)}, {other.relative_to(folder)}"


def first_to_suffer(name, before, after):
    """Return the first entry that differs between two contents of a file of an export; None if that is not to be told from the file."""
    if name == "entries.jsonl":
        return _first_difference(before.splitlines(keepends=True), after.splitlines(keepends=True))
    if name.startswith("tile/entries/"):
        return Tile.parse(name).first + _first_difference(_framed(before), _framed(after))
    if name.startswith("tile/0/") and len(before) == len(after):
        return Tile.parse(name).first + _first_difference(
            *([raw[at : at + 32] for at in range(0, len(raw), 32)] for raw in (before, after))
        )
    return None


def trials(folder, seed, count, size):
    """Export a log of so many entries, spoil the export again and again, and give each outcome: (what, report, the index to be named)."""
    chance = random.Random(seed)
    log, good = HonestLog.of(size), folder / "good"
    write_export(log, good, log.key, rulebook=rulebook)
    contents = {str(path.relative_to(good)): path.read_bytes() for path in sorted(good.rglob("*")) if path.is_file()}
    for _ in range(count):
        bad, wanted = folder / "bad" / "log", None
        shutil.rmtree(bad.parent, ignore_errors=True)
        shutil.copytree(good, bad)
        if chance.random() < 0.75:
            what = chance.choice(list(contents))
            after = spoilt(contents[what], chance)
            (bad / what).write_bytes(after)
            if after == contents[what]:
                continue
            wanted = first_to_suffer(what, contents[what], after)
        else:
            what = reshaped(bad, chance)
        yield what, verify_export(bad, log.key), wanted


def _first_difference(before, after):
    return next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), min(len(before), len(after)))


def _framed(raw):
    parts, at = [], 0
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        parts.append(raw[at:end])
        at = end
    return parts


def main(seed, count):
    with tempfile.TemporaryDirectory() as folder:
        missed = [
            (what, report.exit_status, report.first, wanted)
            for what, report, wanted in trials(Path(folder), int(seed), int(count), 530)
            if report.exit_status != 1 or wanted not in (None, report.first.index)
        ]
    sys.stdout.write(f"{count} tried, {len(missed)} missed\n" + "".join(f"{one}\n" for one in missed))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
