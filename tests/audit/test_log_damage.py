"""What the log says of itself when its file was altered: nothing is passed over, and the first bad entry has a name."""

import random

import pytest

from gateway.audit.errors import AuditError
from gateway.audit.failures import LogDamaged, LogRolledBack
from gateway.audit.log import AuditLog
from gateway.audit.tiles import decode_bundle, encode_bundle
from gateway.audit.tree import leaf_hash
from tests.audit.logbook import database, entry, filled, opened, signer

SIZE = 300


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pristine")
    filled(directory, SIZE)
    return {file.name: file.read_bytes() for file in directory.iterdir()}


@pytest.fixture
def directory(pristine, tmp_path):
    for name, content in pristine.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def rewrite(directory, index, body, *, with_leaf=False):
    """Change one entry as someone would who can write SQL; `with_leaf` also corrects its stored hash."""
    with database(directory) as sql:
        size, leaves, bundle = sql.execute("SELECT size, leaves, bundle FROM batches WHERE size > ? ORDER BY size", (index,)).fetchone()
        width = len(leaves) // 32
        entries = decode_bundle(bundle, width)
        place = index - (size - width)
        entries[place] = body
        if with_leaf:
            leaves = leaves[: place * 32] + leaf_hash(body) + leaves[place * 32 + 32 :]
        sql.execute("UPDATE batches SET leaves = ?, bundle = ? WHERE size = ?", (leaves, encode_bundle(entries), size))


def checked(directory):
    with opened(directory) as log:
        return log.check()


def test_an_untouched_log_checks_out(directory):
    assert checked(directory).size == SIZE


@pytest.mark.parametrize("index", [0, 1, 150, 255, 256, 298, 299])
def test_a_changed_entry_is_named(index, directory):
    rewrite(directory, index, b"as the insider would have it")
    with pytest.raises(LogDamaged) as found:
        checked(directory)
    assert found.value.index == index


@pytest.mark.parametrize("index", [0, 150, 256, 299])
def test_a_changed_entry_whose_hash_was_corrected_too_is_refused_at_the_start(index, directory):
    rewrite(directory, index, b"as the insider would have it", with_leaf=True)
    with pytest.raises(LogDamaged):
        AuditLog.open(directory, signer())


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM batches WHERE size = 40",
        "DELETE FROM batches WHERE size = (SELECT max(size) FROM batches)",
        "DELETE FROM batches",
        "DELETE FROM batches WHERE size = 1",
        "UPDATE batches SET size = size + 1 WHERE size = (SELECT max(size) FROM batches)",
        "UPDATE batches SET leaves = x'00' WHERE size = 290",
        "UPDATE batches SET leaves = zeroblob(32) WHERE size = 290",
        "UPDATE batches SET bundle = x'0001' WHERE size = 290",
        "UPDATE batches SET bundle = CAST(bundle || x'000178' AS BLOB) WHERE size = 290",
        "UPDATE batches SET checkpoint = x'ff' WHERE size = (SELECT max(size) FROM batches)",
        "UPDATE batches SET checkpoint = (SELECT checkpoint FROM batches WHERE size = 10) WHERE size = (SELECT max(size) FROM batches)",
        "DROP TABLE batches",
        "CREATE TRIGGER lose BEFORE INSERT ON batches BEGIN SELECT raise(IGNORE); END",
        "DROP TRIGGER keep_opening",
        "PRAGMA user_version = 2",
        "PRAGMA application_id = 1",
    ],
)
def test_rows_that_are_missing_doubled_or_malformed_are_refused_at_the_start(statement, directory):
    with database(directory) as sql:
        sql.execute(statement)
    with pytest.raises((LogDamaged, LogRolledBack)):
        AuditLog.open(directory, signer())


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("UPDATE batches SET checkpoint = x'ff' WHERE size = 40", 39),
        ("UPDATE batches SET checkpoint = (SELECT checkpoint FROM batches WHERE size = 10) WHERE size = 40", 39),
    ],
)
def test_a_checkpoint_changed_in_the_middle_is_found_by_the_full_check(statement, index, directory):
    with database(directory) as sql:
        sql.execute(statement)
    with pytest.raises(LogDamaged) as found:
        checked(directory)
    assert found.value.index == index


def test_pages_damaged_anywhere_are_found_or_do_no_harm(directory, pristine):
    """Rubbish over 64 bytes at random places: the log must refuse, name the damage, or be whole after all; it may not lie or crash."""
    dice = random.Random(3)
    whole = pristine["log.sqlite"]
    found = 0
    for _ in range(60):
        at = dice.randrange(len(whole) - 64)
        damaged = whole[:at] + dice.randbytes(64) + whole[at + 64 :]
        (directory / "log.sqlite").write_bytes(damaged)
        for end in ("-wal", "-shm"):
            (directory / f"log.sqlite{end}").unlink(missing_ok=True)
        (directory / "guard").write_bytes(pristine["guard"])
        try:
            with opened(directory) as log:
                log.check()
                assert list(log.entries(0, SIZE)) == [entry(number) for number in range(SIZE)]
        except AuditError:
            found += 1
    assert found > 30  # the rest fell into free space


def test_a_layout_that_is_no_longer_text_is_damage_and_nothing_worse(directory, pristine):
    whole = pristine["log.sqlite"]
    at = whole.index(b"CREATE TABLE batches")
    (directory / "log.sqlite").write_bytes(whole[:at] + b"\xd6\xff\xfe" * 40 + whole[at + 120 :])
    with pytest.raises(LogDamaged):
        AuditLog.open(directory, signer())


def test_a_log_cut_at_any_page_is_refused(directory, pristine):
    whole = pristine["log.sqlite"]
    for at in range(0, len(whole), 8192 * 7):
        (directory / "log.sqlite").write_bytes(whole[:at])
        with pytest.raises(AuditError):
            checked(directory)


def test_a_file_that_is_no_log_is_refused(directory):
    (directory / "log.sqlite").write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    with pytest.raises(LogDamaged):
        AuditLog.open(directory, signer())
