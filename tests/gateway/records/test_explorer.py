"""The explorer is a copy: deleted, out of date or of another log, it ends up saying what the log says."""

from datetime import UTC, datetime

import pytest

from gateway.audit.log import AuditLog
from gateway.audit.note import NoteSigner
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def write(log, *words):
    for word in words:
        log.append_blocking(entries.note("heartbeat", at=AT, more={"word": word}).body)


def words(explorer):
    return [entry.body for entry in explorer.find(Filter(kind="heartbeat"))]


@pytest.fixture
def log(tmp_path):
    log = AuditLog.open(tmp_path / "audit", NoteSigner.generate("test.example/log"))
    yield log
    log.close()


def test_a_deleted_copy_is_made_again_from_the_log(tmp_path, log):
    write(log, "a", "b", "c")
    first = Explorer(tmp_path / "explorer.db", log)
    seen = words(first)
    assert len(seen) == 3
    first.close()
    for file in tmp_path.glob("explorer.db*"):
        file.unlink()
    again = Explorer(tmp_path / "explorer.db", log)
    assert words(again) == seen
    again.close()


def test_what_was_just_appended_is_found_by_the_next_question(tmp_path, log):
    explorer = Explorer(tmp_path / "explorer.db", log)
    write(log, "a")
    assert len(words(explorer)) == 1
    write(log, "b")
    assert len(words(explorer)) == 2
    explorer.close()


def test_a_copy_of_a_longer_log_is_thrown_away(tmp_path, log):
    write(log, "a", "b", "c")
    explorer = Explorer(tmp_path / "explorer.db", log)
    assert len(words(explorer)) == 3
    explorer.close()
    shorter = AuditLog.open(tmp_path / "other", NoteSigner.generate("other.example/log"))
    write(shorter, "x")
    explorer = Explorer(tmp_path / "explorer.db", shorter)
    assert words(explorer) == [shorter.entry(0)]
    explorer.close()
    shorter.close()


def test_an_intent_is_open_until_it_is_closed(tmp_path, log):
    explorer = Explorer(tmp_path / "explorer.db", log)
    log.append_blocking(b'{"at":"2026-11-23T10:00:00.000000Z","boot":"ab","decision_id":"d","kind":"intent","v":1}')
    assert [intent.index for intent in explorer.open_intents()] == [0]
    log.append_blocking(entries.abandoned(at=AT, intent_index=0, decision_id="d", why="crash").body)
    assert explorer.open_intents() == []
    explorer.close()
