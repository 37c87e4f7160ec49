"""The explorer is a copy: deleted, out of date or of another log, it ends up saying what the log says."""

import json
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from bench.explorer import measure
from gateway.audit.log import AuditLog
from gateway.audit.note import NoteSigner
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from policies.decision import Refusal
from policies.facts import Facts

KEY = b"k" * 32
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
    first = Explorer(tmp_path / "explorer.db", log, KEY)
    seen = words(first)
    assert len(seen) == 3
    first.close()
    for file in tmp_path.glob("explorer.db*"):
        file.unlink()
    again = Explorer(tmp_path / "explorer.db", log, KEY)
    assert words(again) == seen
    again.close()


def test_what_was_just_appended_is_found_by_the_next_question(tmp_path, log):
    explorer = Explorer(tmp_path / "explorer.db", log, KEY)
    write(log, "a")
    assert len(words(explorer)) == 1
    write(log, "b")
    assert len(words(explorer)) == 2
    explorer.close()


def test_a_copy_of_a_longer_log_is_thrown_away(tmp_path, log):
    write(log, "a", "b", "c")
    explorer = Explorer(tmp_path / "explorer.db", log, KEY)
    assert len(words(explorer)) == 3
    explorer.close()
    shorter = AuditLog.open(tmp_path / "other", NoteSigner.generate("other.example/log"))
    write(shorter, "x")
    explorer = Explorer(tmp_path / "explorer.db", shorter, KEY)
    assert words(explorer) == [shorter.entry(0)]
    explorer.close()
    shorter.close()


def test_an_intent_is_open_until_it_is_closed(tmp_path, log):
    explorer = Explorer(tmp_path / "explorer.db", log, KEY)
    log.append_blocking(b'{"at":"2026-11-23T10:00:00.000000Z","boot":"ab","decision_id":"d","kind":"intent","v":1}')
    assert [intent.index for intent in explorer.open_intents()] == [0]
    log.append_blocking(entries.abandoned(at=AT, intent_index=0, decision_id="d", why="crash").body)
    assert explorer.open_intents() == []
    explorer.close()


# What somebody else wrote into it


def meddled(tmp_path, log, *statements):
    explorer = Explorer(tmp_path / "explorer.db", log, KEY)
    explorer.catch_up()
    explorer.close()
    with closing(sqlite3.connect(tmp_path / "explorer.db")) as database, database:
        for statement in statements:
            database.execute(statement)
    return Explorer(tmp_path / "explorer.db", log, KEY)


@pytest.fixture
def at_work(log):
    for boot in ("aa", "bb"):
        log.append_blocking(b'{"at":"2026-11-23T10:00:00.000000Z","boot":"%s","decision_id":"d","kind":"intent","v":1}' % boot.encode())
    write(log, "a")
    return log


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM open_intents WHERE idx = 0",
        "INSERT INTO open_intents VALUES (2, 'aa', 'd')",
        "UPDATE open_intents SET boot = 'cc' WHERE idx = 1",
        "UPDATE reached SET size = 1",
        "UPDATE reached SET size = 300",
        "DELETE FROM reached",
        "UPDATE reached SET seal = ''",
        "DROP TABLE open_intents",
        "PRAGMA user_version = 1",
    ],
)
def test_what_somebody_wrote_into_it_is_not_believed_of_open_intents(tmp_path, at_work, statement):
    explorer = meddled(tmp_path, at_work, statement)
    assert [(intent.index, intent.boot) for intent in explorer.open_intents()] == [(0, "aa"), (1, "bb")]
    explorer.close()


def test_what_is_written_into_it_while_it_is_open_is_not_believed_either(tmp_path, at_work):
    explorer = Explorer(tmp_path / "explorer.db", at_work, KEY)
    assert len(explorer.open_intents()) == 2
    with closing(sqlite3.connect(tmp_path / "explorer.db")) as database, database:
        database.execute("DELETE FROM open_intents")
    assert len(explorer.open_intents()) == 2
    explorer.close()


def test_an_older_copy_that_is_put_back_catches_up(tmp_path, at_work):
    explorer = Explorer(tmp_path / "explorer.db", at_work, KEY)
    explorer.catch_up()
    explorer.close()
    old = (tmp_path / "explorer.db").read_bytes()
    explorer = Explorer(tmp_path / "explorer.db", at_work, KEY)
    at_work.append_blocking(entries.abandoned(at=AT, intent_index=0, decision_id="d", why="crash").body)
    assert [intent.index for intent in explorer.open_intents()] == [1]
    explorer.close()
    (tmp_path / "explorer.db").write_bytes(old)
    explorer = Explorer(tmp_path / "explorer.db", at_work, KEY)
    assert [intent.index for intent in explorer.open_intents()] == [1]
    explorer.close()


def test_an_index_under_another_key_is_made_anew(tmp_path, at_work):
    Explorer(tmp_path / "explorer.db", at_work, b"o" * 32).close()
    explorer = Explorer(tmp_path / "explorer.db", at_work, KEY)
    assert len(explorer.open_intents()) == 2
    explorer.close()


def test_it_shows_the_log_s_own_bytes_and_holds_no_case_reference(tmp_path, log):
    facts = Facts.from_json({"operation": "identify", "case": {"ref": "CANARY-77"}}, at=AT)
    refusal = Refusal("nothing-allows", (), (), "0" * 64)
    record = entries.denial(at=AT, decision_id="d", client="ngo", facts=facts, refusal=refusal, by="policy")
    log.append_blocking(record.body, record.openings)
    write(log, *map(str, range(200)))
    log.append_blocking(record.body, record.openings)
    explorer = Explorer(tmp_path / "explorer.db", log, KEY)
    assert [found.index for found in explorer.find(Filter(case_ref="CANARY-77"))] == [201, 0]
    assert [found.body for found in explorer.find(Filter(), limit=500)] == [log.entry(index) for index in range(201, -1, -1)]
    assert all(b"CANARY-77" not in path.read_bytes() for path in tmp_path.glob("explorer.db*"))
    explorer.forget_cases([0])
    assert [found.index for found in explorer.find(Filter(case_ref="CANARY-77"))] == [201]
    explorer.close()


def test_the_bench_asks_every_kind_of_question_of_a_real_log(tmp_path):
    found = measure(300, 2, tmp_path)
    assert (found["count"], found["open"]) == (300, 0)
    assert len(found["p95_ms"]) == 18


def test_every_question_is_answered_as_by_looking_at_every_entry(tmp_path, log):
    chance = random.Random(7)
    said = []
    for index in range(400):
        entry = {"v": 1, "kind": chance.choice(("denial", "check")), "decision_id": f"d-{index % 90}", "client": f"c-{index % 5}"}
        entry["at"] = f"2026-11-{chance.randrange(10, 30)}T10:00:00.{index:06d}Z" if index % 7 == 0 else f"2026-11-20T10:00:00.{index:06d}Z"
        entry["facts"] = {"request": {"purpose": chance.choice("pq"), "operation": "identify"}}
        entry["answer"] = {"decision": "refusal", "code": chance.choice("xy"), "rules": chance.sample(["A", "B", "C"], chance.randrange(4))}
        said.append(entry)
        log.append_blocking(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
    explorer = Explorer(tmp_path / "explorer.db", log, KEY)
    values = {
        "kind": ("denial", "none"), "client": ("c-1", "c-2"), "purpose": ("p",), "code": ("x", "z"), "rule": ("A", "C", "none"),
        "since": ("2026-11-20", "2026-11-20T10:00:00.000200Z", "2027"),
        "until": ("2026-11-20", "2026-11-21", "2026-11-20T10:00:00.000300Z"),
        "decision_id": ("d-3",), "decision": ("refusal", "permit"),
    }  # fmt: skip

    def holds(entry, asked):
        flat = {**entry, **entry["facts"]["request"], **entry["answer"]}
        times = asked.get("since", "") <= entry["at"] and entry["at"] < asked.get("until", "~")
        ruled = asked.get("rule") in (None, *entry["answer"]["rules"])
        return times and ruled and all(flat[name] == value for name, value in asked.items() if name not in ("since", "until", "rule"))

    for _ in range(300):
        asked = {name: chance.choice(choice) for name, choice in values.items() if chance.random() < 0.3}
        before, limit = chance.choice((None, 0, 57, 250)), chance.choice((1, 10, 500))
        matching = [index for index in range(399, -1, -1) if (before is None or index < before) and holds(said[index], asked)]
        assert [found.index for found in explorer.find(Filter(**asked), before=before, limit=limit)] == matching[:limit], asked
    explorer.close()


def test_an_index_that_another_process_brought_further_than_this_ones_log_is_believed_and_followed(tmp_path):
    signer = NoteSigner.generate("test.example/log")
    with (
        closing(AuditLog.open(tmp_path / "audit", signer)) as log,
        closing(AuditLog.open(tmp_path / "audit", signer)) as same,
        closing(Explorer(tmp_path / "explorer.db", log, KEY)) as here,
        closing(Explorer(tmp_path / "explorer.db", same, KEY)) as there,
    ):
        for number in range(100):
            write(log, str(number))
            # Taken in by the first process, and asked for at once by the second, whose log may not have looked yet.
            assert here.catch_up() == number + 1
            assert [found.index for found in there.find(Filter(kind="heartbeat"), limit=1)] == [number]
