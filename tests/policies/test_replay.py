"""Recorded decisions under a draft: what would change, linked to the record; and a record that cannot be read stops the reading."""

import json
import random
from datetime import timedelta

import pytest

from bench import replay as bench
from gateway.records import entries
from policies.decision import Permit
from policies.errors import RecordDamaged, RulebookRefused
from policies.facts import Facts
from policies.judge import Judge
from policies.question import Settings
from policies.replay import NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS, Past, replay
from policies.rulebook import build
from policies.shapes import shape_of
from tests.policies.chance import requests

LIVE = build(["baseline"])
NO_COMPANIES = [{"rule": "OWN-1", "effect": "deny", "client": "company", "sentence": "No companies."}]
WATCH = [{"rule": "OWN-2", "effect": "allow", "purpose": "retail_watchlist", "to": "2099-01-01", "sentence": "Watchlists."}]
LOOK = [{"rule": "OWN-3", "effect": "oblige", "purpose": "access_control", "obligations": "human_review:2", "sentence": "Look twice."}]


def written(facts, answer, index, by="policy"):
    about = {"at": facts.at, "decision_id": f"d-{index}", "client": "client-1", "facts": facts}
    if isinstance(answer, Permit):
        return entries.intent(**about, permit=answer, boot="b", order_id="o", images=[]).body
    return entries.denial(**about, refusal=answer, by=by).body


@pytest.fixture(scope="module")
def past():
    judge = Judge(LIVE)
    return [(facts, judge.decide(facts)) for facts, _ in requests(seed=3, count=300)]


def log_of(past):
    return [(10 + index, written(facts, answer, index)) for index, (facts, answer) in enumerate(past)]


def test_a_replay_under_the_same_rulebook_changes_nothing(past):
    found = replay(log_of(past), LIVE)
    assert (found.groups, found.judged) == ((), len(past))
    assert found.to_json()["unchanged"] == len(past)


@pytest.mark.parametrize("own", [NO_COMPANIES, WATCH, LOOK, NO_COMPANIES + WATCH + LOOK], ids=["deny", "allow", "oblige", "all"])
def test_what_changes_is_linked_to_its_records_and_is_all_that_changes(past, own):
    draft = build(["baseline"], own_rules=own)
    judge = Judge(draft)
    expected = {}
    for index, (facts, before) in enumerate(past):
        after = judge.decide(facts)
        if isinstance(before, Permit) != isinstance(after, Permit):
            expected[10 + index] = NEWLY_ALLOWED if isinstance(after, Permit) else NEWLY_REFUSED
        elif isinstance(after, Permit) and {duty.slug for duty in after.obligations} != {duty.slug for duty in before.obligations}:
            expected[10 + index] = OTHER_OBLIGATIONS
    found = replay(log_of(past), draft)
    assert {link.index: group.change for group in found.groups for link in group.links} == expected
    assert expected
    for group in found.groups:
        for link in group.links:
            facts = past[link.index - 10][0]
            assert link.decision_id == f"d-{link.index - 10}"
            assert (group.purpose, group.client, group.operation, group.place) == (
                facts.purpose,
                facts.client.kind,
                facts.operation,
                facts.place or "",
            )


def test_newly_allowed_comes_first_and_larger_groups_before_smaller(past):
    found = replay(log_of(past), build(["baseline"], own_rules=NO_COMPANIES + WATCH + LOOK))
    order = [NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS]
    assert [group.change for group in found.groups] == sorted((group.change for group in found.groups), key=order.index)
    assert found.groups[0].change == NEWLY_ALLOWED
    sizes = [len(group.links) for group in found.groups if group.change == NEWLY_REFUSED]
    assert sizes == sorted(sizes, reverse=True)


def test_a_refusal_of_the_gateways_own_is_counted_and_not_called_newly_allowed(past):
    permits = [facts for facts, answer in past if isinstance(answer, Permit)][:5]
    refusal = next(answer for _, answer in past if not isinstance(answer, Permit))
    found = replay([(index, written(facts, refusal, index, by="gateway")) for index, facts in enumerate(permits)], LIVE)
    assert (found.judged, found.by_gateway, found.groups) == (5, 5, ())


def test_entries_without_a_decision_are_passed_over(past):
    others = [(1, b'{"kind":"heartbeat","v":1}'), (2, b'{"kind":"outcome","decision_id":"d-0"}')]
    assert replay([*others, *log_of(past[:3]), *others], LIVE).judged == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-20],
        lambda body: body.replace(b'"purpose"', b'"purpo\xffe"'),
        lambda body: body.replace(b'"facts":{', b'"facts":['),
        lambda body: body.replace(b'"facts"', b'"fakts"'),
        lambda body: body.replace(b'"answer"', b'"anwser"'),
        lambda body: body.replace(b'"decision_id"', b'"decision_ix"'),
        lambda body: body.replace(b'"licence":[', b'"licence":[1,'),
        lambda body: body.replace(b'"at":"20', b'"at":"x20'),
        lambda body: b"[" + body + b"]",
        lambda body: b"",
        lambda body: b"null",
        lambda body: b"[" * 100_000,
    ],
)
def test_a_damaged_record_stops_the_replay_and_is_named(past, damage):
    log = log_of(past[:6])
    log[4] = (log[4][0], damage(log[4][1]))
    with pytest.raises(RecordDamaged) as stopped:
        replay(log, LIVE)
    assert (stopped.value.position, stopped.value.index, stopped.value.code) == (4, 14, "record-damaged")
    assert "entry 14" in stopped.value.sentence


def raw(facts):
    return json.dumps(json.loads(written(facts, Judge(LIVE).decide(facts), 0))["facts"], sort_keys=True, separators=(",", ":")).encode()


def test_facts_of_one_shape_get_the_same_answers_and_the_hour_and_the_commitment_are_no_part_of_it():
    judges = [Judge(build(packs)) for packs in (["baseline"], ["baseline", "vendor-amazon", "us-wa-43.386", "eu-ai-act"])]
    dice = random.Random(1)
    by_shape, joined = {}, 0
    for facts, kind in requests(seed=9, count=200):
        moved = facts.at.replace(hour=dice.choice([0, 9, 10, 11, 23]), minute=dice.randrange(60), microsecond=dice.choice([0, 500_000]))
        later = Facts.from_json(facts.to_json(), at=moved, licence=facts.licence)
        answers = [tuple(judge.decide(one, kind) for judge in judges) for one in (facts, later)]
        shapes = [(shape_of(raw(one), Settings()), kind) for one in (facts, later)]
        assert shape_of(raw(facts), Settings()) == shapes[0][0]
        for shape, answer in zip(shapes, answers, strict=True):
            assert by_shape.setdefault(shape, answer) == answer
        joined += shapes[0] == shapes[1]
    assert joined > 100


@pytest.mark.parametrize(
    "change",
    [
        {"context": {"started_at": "2026-11-22T08:00:00Z"}},
        {"context": {"started_at": "2026-11-22T10:00:00+02:00"}},
        {"consent": {"type": "explicit", "given_at": "2026-11-22T08:00:00Z"}},
        {"authorisations": [{"valid_from": "2026-11-22T00:00:00Z", "requested_at": "2026-11-22T08:00:00Z"}]},
        {"authorisations": [{"valid_from": "2026-11-22T00:00:00Z", "note": "2026-11-22T08:00:00+02:00"}]},
    ],
)
def test_facts_with_a_moment_that_rules_measure_keep_their_own_shape(facts, change):
    one = facts(**change)
    two = Facts.from_json(one.to_json(), at=one.at + timedelta(hours=1), licence=one.licence)
    assert shape_of(raw(one), Settings()) != shape_of(raw(two), Settings())


def test_witnesses_count_by_whether_they_are_recent_enough(facts):
    def seen(seconds, window=900):
        at = facts().at
        one = facts(log={"witnessed_at": (at - timedelta(seconds=seconds)).isoformat()})
        return shape_of(raw(one), Settings(witness_window_s=window))

    assert seen(5) == seen(899) == seen(900) == seen(-299)
    assert seen(901) == seen(5000) == seen(-301)
    assert seen(5) != seen(901)
    assert seen(5, window=4) != seen(4, window=4)


def test_a_past_is_put_to_drafts_of_its_own_settings_alone(past):
    with pytest.raises(RulebookRefused):
        Past.read(log_of(past[:3])).under(build(["baseline"], settings=Settings(live_window_s=60)))


def test_a_past_is_read_once_and_put_to_several_drafts(past):
    read = Past.read(log_of(past))
    assert read.under(LIVE).groups == ()
    assert read.under(build(["baseline"], own_rules=NO_COMPANIES)).count(NEWLY_REFUSED) > 0
    assert read.under(LIVE).groups == ()


def test_the_bench_compares_what_it_measures(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["replay", "--count", "200", "--variety", "40", "--sample", "4"])
    assert bench.main() == 0
    assert "0 of the sampled records judged differently" in capsys.readouterr().out
