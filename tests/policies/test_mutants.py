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


def test_the_short_packs_of_vendors_notice_at_least_97_percent_of_their_mutants():
    made, missed = 0, 0
    for pack in ("vendor-amazon-2020", "vendor-google", "vendor-ibm-principles", "vendor-amazon"):
        count, unnoticed = survivors(pack, pack_lines(pack))
        assert len(unnoticed) <= 0.05 * count, (pack, [(mutant.row, mutant.how) for mutant in unnoticed])
        made, missed = made + count, missed + len(unnoticed)
    assert made > 140
    assert 1 - missed / made >= 0.97
