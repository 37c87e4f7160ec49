"""The mutation bench tells a pack whose vectors would notice a bent rule from one whose vectors would not."""

import json

from bench.mutants import survivors
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
