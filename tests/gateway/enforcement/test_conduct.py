"""Each wire is touched by the conduct that it is for, and not by honest work beside it: as pure functions of what was seen."""

from datetime import UTC, datetime, timedelta

from engine.sketches import BITS
from gateway.enforcement.conduct import SENTENCES, Seen, Wires, touched_by
from policies.facts import Facts

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ONE = Facts.from_json({"target": {"kind": "specific_person"}, "purpose": "missing_person", "operation": "identify"}, at=NOON)
LIVE = Facts.from_json({"target": {"kind": "watchlist"}, "operation": "live_identify"}, at=NOON)
SCENE, ELSEWHERE = "0" * 16, "f" * 16


def person(number: int) -> str:
    """Sketches that differ in half of their signs, as strangers' do; `person(0)` and `person(0)` are one."""
    signs = sum(1 << bit for bit in range(BITS) if (bit >> number) & 1)
    return f"{signs:064x}"


def day(*seen: tuple[float, Seen]) -> list[tuple[datetime, Seen]]:
    return [(NOON + timedelta(seconds=seconds), one) for seconds, one in seen]


def test_three_strangers_under_a_case_that_seeks_one_touch_the_wire_and_two_do_not() -> None:
    pictures = [(n * 3600.0, Seen(f"p{n}", (person(n),), f"{n:x}" * 16, 0.0)) for n in range(1, 4)]
    assert touched_by(day(*pictures), ONE, Wires()) == "many-people"
    assert touched_by(day(*pictures[:2]), ONE, Wires()) is None
    assert touched_by(day(*pictures), LIVE, Wires()) is None


def test_all_faces_count() -> None:
    crowd = Seen("p", tuple(person(n) for n in range(1, 4)), None, 0.0)
    assert touched_by(day((0, crowd)), ONE, Wires()) == "many-people"


def test_frames_seconds_apart_touch_the_wire_and_the_same_picture_sent_again_does_not() -> None:
    frames = [(n * 2.0, Seen(f"p{n}", (person(1),), SCENE, 0.0)) for n in range(4)]
    assert touched_by(day(*frames), ONE, Wires()) == "camera-frames"
    again = [(n * 2.0, Seen("p", (person(1),), SCENE, 0.0)) for n in range(9)]
    assert touched_by(day(*again), ONE, Wires()) is None
    apart = [(n * 31.0, Seen(f"p{n}", (person(1),), SCENE, 0.0)) for n in range(9)]
    assert touched_by(day(*apart), ONE, Wires()) is None
    assert touched_by(day(*frames), LIVE, Wires()) is None


def test_near_duplicates_that_climb_touch_the_wire_and_those_that_waver_or_differ_do_not() -> None:
    def probes(scores: list[float], scene: str = SCENE) -> list[tuple[datetime, Seen]]:
        return day(*((n * 600.0, Seen(f"p{n}", (person(1),), scene, score)) for n, score in enumerate(scores)))

    assert touched_by(probes([99.1, 99.2, 99.3, 99.4]), ONE, Wires()) == "score-climbing"
    assert touched_by(probes([99.1, 99.2, 99.1, 99.4]), ONE, Wires()) is None
    assert touched_by([*probes([99.1, 99.2, 99.3])[:3], *probes([99.1, 99.2, 99.3, 99.4], ELSEWHERE)[3:]], ONE, Wires()) is None


def test_a_wire_that_is_set_to_0_is_off() -> None:
    frames = [(n * 2.0, Seen(f"p{n}", (person(n + 1),), SCENE, 90.0 + n)) for n in range(8)]
    assert touched_by(day(*frames), ONE, Wires(people=0, frames=0, climbs=0)) is None


def test_every_wire_has_its_sentence() -> None:
    assert len(SENTENCES) == 7
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
