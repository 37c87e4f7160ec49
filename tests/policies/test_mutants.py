"""The mutation bench tells a pack whose vectors would notice a bent rule from one whose vectors would not."""

import json

from bench.mutants import survivors
from policies.packs import names
from policies.rehearsal import pack_lines


def test_every_way_to_bend_axons_one_rule_is_noticed_by_its_vectors():
    assert survivors("axon-2019", pack_lines("axon-2019")) == (5, [])


def test_vectors_that_only_show_refusals_notice_no_rule_that_reaches_too_far():
    denied = [line for line in pack_lines("axon-2019") if json.loads(line)["expect"]["decision"] == "deny"]
    made, unnoticed = survivors("axon-2019", denied)
    assert (made, {mutant.how for mutant in unnoticed}) == (
        5,
        {
            "forgets device:body_worn|body_cam|body_camera|bodycam",
            "forgets since:2019-06-27",
            "forgets before:2025-12-02",
            "meets every operation",
        },
    )


def test_the_vectors_of_every_pack_notice_at_least_95_percent_of_a_sample_of_its_mutants():
    made, missed = 0, []
    for pack in names():
        count, unnoticed = survivors(pack, pack_lines(pack), sample=4)
        made, missed = made + count, missed + [(pack, mutant.row, mutant.how) for mutant in unnoticed]
    assert made >= 80
    assert len(missed) <= 0.05 * made, missed


def test_a_sample_of_mutants_is_the_same_each_time_and_part_of_all():
    lines = [line for line in pack_lines("axon-2019") if json.loads(line)["expect"]["decision"] == "deny"]
    everything = {(mutant.row, mutant.how) for mutant in survivors("axon-2019", lines)[1]}
    twice = [survivors("axon-2019", lines, sample=3) for _ in range(2)]
    assert [count for count, _ in twice] == [3, 3]
    assert [(mutant.row, mutant.how) for mutant in twice[0][1]] == [(mutant.row, mutant.how) for mutant in twice[1][1]]
    assert {(mutant.row, mutant.how) for mutant in twice[0][1]} <= everything
