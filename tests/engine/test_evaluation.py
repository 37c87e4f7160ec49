"""An evaluation counts what can be counted by hand, says when it cannot know, and believes no record that was touched.

Long because every figure of a report is counted again by hand."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine import cohort
from engine.cohort import Cohort
from engine.equipment import Binding, read_equipment
from engine.errors import CohortRefused, EvaluationRefused, WrongRecogniser
from engine.evaluation.corpus import Corpus, Label, Pair, labels_of, look, read_labels, read_pairs
from engine.evaluation.evaluate import evaluate
from engine.evaluation.findings import Evaluation, Slice
from engine.evaluation.measures import Rate, threshold_at
from engine.evaluation.plots import percent
from engine.evaluation.record import check_current, evidence, from_record, seal, shipped_record, to_record, unseal
from engine.evaluation.reference import fit_calibration, fit_cohort
from engine.evaluation.report import to_html
from engine.evaluation.scores import compare
from engine.recognisers.base import dlib_digest
from engine.recognisers.onnx import OnnxRecogniser

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECOGNISER = SimpleNamespace(digest="r" * 64, name="made up")


def people(
    count: int, spread: float, *, group: str, centre: float, photos: int = 1, age: int = 30, seed: int = 0
) -> tuple[np.ndarray, list[Label]]:
    chance = np.random.default_rng(seed)
    faces = chance.normal(centre, spread, (count, 128))
    shots = np.repeat(faces, photos, axis=0) + chance.normal(0, 0.005, (count * photos, 128))
    labels = [Label(f"{group}-{age}-{i}-{j}.jpg", f"{group}-{age}-{i}", group, "F", age) for i in range(count) for j in range(photos)]
    return shots.astype(np.float32), labels


def corpus_of(*parts: tuple[np.ndarray, list[Label]], refused: tuple[tuple[Label, str], ...] = (), pairs: tuple[Pair, ...] = ()) -> Corpus:
    labels = tuple(label for _, labels in parts for label in labels)
    return Corpus("made-up", np.concatenate([templates for templates, _ in parts]), labels, refused, "d" * 64, pairs)


def unfair() -> Corpus:
    """Two groups, one of which lies close together, and close children; two photographs a person."""
    return corpus_of(
        people(80, 0.02, group="Close", centre=-1.0, photos=2, seed=1),
        people(80, 0.024, group="Wide", centre=1.0, photos=2, seed=2),
        people(70, 0.015, group="Close", centre=-1.2, age=6, photos=1, seed=3),
        people(8, 0.05, group="Rare", centre=0.0, seed=4),
        refused=((Label("x.jpg", "x", "Close", "F", 40), "no-face"),),
    )


def fair_cohort() -> Cohort:
    parts = [np.random.default_rng(9).normal(centre, spread, (60, 128)) for centre, spread in ((-1.0, 0.02), (1.0, 0.024), (-1.2, 0.015))]
    groups = ("Close-F-13plus",) * 60 + ("Wide-F-13plus",) * 60 + ("Close-F-under13",) * 60
    return Cohort(np.concatenate(parts).astype(np.float32), groups, RECOGNISER.digest)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate([unfair()], RECOGNISER, fair_cohort(), [], NOW)


def named(slices: tuple[Slice, ...], name: str) -> Slice:
    (found,) = [one for one in slices if one.name == name]
    return found


# -- comparing


def test_every_two_images_are_compared_once() -> None:
    corpus = unfair()
    comparison, count = compare(corpus, None), len(corpus.labels)
    assert comparison.scores.size == count * (count - 1) // 2
    assert comparison.same.sum() == 160
    at = np.flatnonzero((comparison.left == 3) & (comparison.right == 200))
    assert comparison.scores[at] == pytest.approx(np.linalg.norm(corpus.templates[3] - corpus.templates[200]), rel=1e-6)


# -- judging


def test_the_group_that_lies_close_together_fares_worse_and_normalisation_mends_it(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    assert findings.after is not None
    assert findings.before.spread is not None
    assert findings.after.spread is not None
    close, wide = (named(findings.before.of("group"), f"{name} F") for name in ("Close", "Wide"))
    assert close.false_matches.errors == findings.before.overall.errors - wide.false_matches.errors
    assert findings.before.spread.max_over_min > 10 * findings.after.spread.max_over_min


def test_the_threshold_is_that_of_adult_strangers_at_one_in_a_thousand(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    assert findings.adults_only
    assert findings.before.overall.value == pytest.approx(1e-3, rel=0.05)
    assert findings.before.overall.trials == 328 * 327 // 2 - 160


def test_children_are_counted_apart_from_the_groups(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    assert named(findings.before.of("age"), "under 13").false_matches.trials == 70 * 69 // 2
    assert named(findings.before.of("group"), "Close F").false_matches.trials == 160 * 159 // 2 - 80


def test_a_group_of_few_is_not_enough_data_and_moves_no_ratio(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    assert findings.before.spread is not None
    assert not named(findings.before.of("group"), "Rare F").enough
    assert findings.before.spread.groups == 2
    assert "not enough data" in to_html(evaluation)


def test_images_without_a_usable_face_are_counted_where_they_belong(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    assert named(findings.before.of("group"), "Close F").refused == Rate(1, 161)
    assert named(findings.before.of("group"), "Wide F").refused == Rate(0, 160)


def test_groups_that_the_cohort_lacks_are_named(evaluation: Evaluation) -> None:
    assert evaluation.findings[0].missing_from_cohort == ("Rare-F-13plus",)
    assert "The cohort has nobody for: Rare-F-13plus" in to_html(evaluation)


def test_listed_pairs_count_as_listed() -> None:
    templates, labels = people(60, 0.05, group="Wide", centre=0.0, photos=2)
    files = [label.file for label in labels]
    pairs = (*(Pair(files[i], files[i + 1], same=True) for i in range(0, 20, 2)), Pair(files[0], "gone.jpg", same=True))
    (known,) = evaluate([corpus_of((templates, labels), pairs=pairs)], RECOGNISER, None, [], NOW).findings
    assert known.before.accuracy[0].misses.trials == 10
    assert known.before.overall.trials == 120 * 119 // 2 - 60
    nobody = [Label(file) for file in files]
    listed = (*pairs, *(Pair(files[0], files[i], same=False) for i in range(2, 110)))
    (unknown,) = evaluate([corpus_of((templates, nobody), pairs=listed)], RECOGNISER, None, [], NOW).findings
    assert unknown.before.overall.trials == 108
    assert unknown.before.threshold is None


def test_one_image_a_person_gives_false_matches_alone() -> None:
    templates, labels = people(100, 0.05, group="Wide", centre=0.0)
    (findings,) = evaluate([corpus_of((templates, [replace(label, person=None) for label in labels]))], RECOGNISER, None, [], NOW).findings
    assert findings.people == 100
    assert findings.before.accuracy == ()
    assert findings.before.curve == ()


def test_each_step_of_the_grid_says_what_each_group_would_suffer_there(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    assert findings.after is not None
    comparison = compare(unfair(), None)
    labels = unfair().labels
    adults = np.array([label.age >= 18 for label in labels])
    close = np.array([label.group == "Close" for label in labels]) & adults
    inside = close[comparison.left] & close[comparison.right]
    strangers = comparison.scores[~comparison.same & adults[comparison.left] & adults[comparison.right]]
    grid = findings.before.grid
    assert [step.false_match_rate for step in grid] == [step.false_match_rate for step in findings.after.grid]
    assert (grid[0].false_match_rate, grid[-1].false_match_rate) == (Decimal("2e-5"), Decimal("1e-1"))  # 53,468 pairs tell no less
    for at, step in enumerate(grid):
        false, missed = named(findings.before.of("group"), "Close F").at(at)
        # The record's threshold is rounded to six digits, the counts are not.
        threshold = threshold_at(strangers, float(step.false_match_rate))
        assert step.threshold == pytest.approx(Decimal(threshold), rel=Decimal("1e-5"))
        assert false.errors == (comparison.scores[inside & ~comparison.same] <= threshold).sum()
        assert missed.errors == (comparison.scores[inside & comparison.same] > threshold).sum()
        assert (false.trials, missed.trials) == (160 * 159 // 2 - 80, 80)
    operating = [step.false_match_rate for step in grid].index(Decimal("1e-3"))
    assert grid[operating].threshold == findings.before.threshold
    assert all(one.at(operating) == (one.false_matches, one.misses) for one in findings.before.slices)


def test_a_record_that_counts_at_other_steps_than_its_grids_is_refused(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    short = replace(findings, before=replace(findings.before, grid=findings.before.grid[1:]))
    with pytest.raises(EvaluationRefused, match="grid"):
        from_record(to_record(replace(evaluation, findings=(short,))))


def test_what_belongs_to_another_recogniser_is_refused() -> None:
    stray = replace(fair_cohort(), recogniser="s" * 64)
    with pytest.raises(WrongRecogniser):
        evaluate([unfair()], RECOGNISER, stray, [], NOW)


def test_a_single_image_cannot_be_evaluated() -> None:
    templates, labels = people(1, 0.05, group="Wide", centre=0.0)
    with pytest.raises(EvaluationRefused, match="nothing to compare"):
        evaluate([corpus_of((templates, labels))], RECOGNISER, None, [], NOW)


# -- the record


def test_a_record_is_canonical_json_and_survives(evaluation: Evaluation) -> None:
    record = to_record(evaluation)
    assert from_record(record) == evaluation
    assert rfc8785.dumps(json.loads(record)) == record
    assert not any(isinstance(value, float) for value in leaves(json.loads(record)))


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in leaves(member)]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"\xff", b'{"format":"custodes-evaluation/2"}', b"[" * 5000])
def test_rubbish_is_no_record(data: bytes) -> None:
    with pytest.raises(EvaluationRefused):
        from_record(data)


def test_a_record_written_otherwise_is_refused(evaluation: Evaluation) -> None:
    loose = json.dumps(json.loads(to_record(evaluation))).encode()
    with pytest.raises(EvaluationRefused, match="canonically"):
        from_record(loose)


def test_only_an_untouched_signed_record_is_believed(evaluation: Evaluation) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    sealed = seal(evaluation, key.sign)
    assert unseal(sealed, verify) == evaluation
    for touched in (sealed.replace(b"Close", b"Wider"), seal(evaluation, other.sign)):
        with pytest.raises(EvaluationRefused) as refusal:
            unseal(touched, verify)
        assert refusal.value.code == "evaluation-forged"
    for rubbish in (b"", b"{}", sealed[:-30], sealed.replace(b'"signature":"', b'"signature":"*')):
        with pytest.raises(EvaluationRefused):
            unseal(rubbish, verify)


def test_a_record_speaks_for_one_recogniser_cohort_and_calibration_for_a_year(evaluation: Evaluation) -> None:
    held = replace(evaluation, calibrations=("c" * 64,))
    bound = Binding(held.recogniser, held.cohort, ("c" * 64,))
    check_current(held, bound, NOW + timedelta(days=30))
    for changed in ({"recogniser": "x"}, {"cohort": None}, {"calibrations": ("c" * 64, "x")}):
        with pytest.raises(EvaluationRefused) as refusal:
            check_current(held, replace(bound, **changed), NOW + timedelta(days=30))
        assert refusal.value.code == "evaluation-other"
    for when in (NOW + timedelta(days=366), NOW - timedelta(days=1)):
        with pytest.raises(EvaluationRefused) as refusal:
            check_current(held, bound, when)
        assert refusal.value.code == "evaluation-stale"


def test_a_record_that_compares_no_groups_lets_nobody_be_served() -> None:
    alone = evaluate([corpus_of(people(100, 0.05, group="Wide", centre=0.0, photos=2))], RECOGNISER, None, [], NOW)
    with pytest.raises(EvaluationRefused) as refusal:
        check_current(alone, Binding(alone.recogniser, None, ()), NOW)
    assert refusal.value.code == "evaluation-without-groups"


def test_evidence_holds_what_was_measured_and_nothing_that_was_not(evaluation: Evaluation) -> None:
    (findings,) = evaluation.findings
    assert findings.after is not None
    assert findings.after.spread is not None
    found = evidence(evaluation)
    assert found["fmr_ratio"] == float(findings.after.spread.max_over_min)
    assert found["evaluated_for_minors"] is True
    assert found["evaluated_on"] == "2026-11-23"
    assert "min_true_positive_all_groups" not in found  # one group has too few pairs of one person
    grown_up = evaluate([corpus_of(people(100, 0.05, group="Wide", centre=0.0, photos=2))], RECOGNISER, None, [], NOW)
    assert evidence(grown_up)["evaluated_for_minors"] is False
    assert "fmr_ratio" not in evidence(grown_up)
    assert evidence(grown_up)["min_true_positive_all_groups"] == 1.0


def test_the_shipped_record_speaks_for_what_is_shipped_and_reaches_its_targets() -> None:
    record = from_record(shipped_record())
    check_current(record, read_equipment(dlib_digest(), None, None).binding, record.at)
    groups, pairs = record.findings
    assert groups.after is not None
    assert groups.before.spread is not None
    assert groups.after.spread is not None
    assert groups.before.spread.max_over_min > 100
    assert len(groups.before.grid) == len(groups.after.grid) == 41
    assert len(shipped_record()) < 200_000
    assert groups.after.spread.max_over_min <= 6
    assert (named(groups.after.of("age"), "under 13").false_matches.value or 1) <= 0.002
    assert pairs.after is not None
    for before, after in zip(pairs.before.accuracy[1:], pairs.after.accuracy[1:], strict=True):
        assert after.misses.errors <= before.misses.errors
        assert before.misses.trials == after.misses.trials > 800


# -- the page


class Page(HTMLParser):
    """Collects what a page is made of, and whether its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nobody_for_anything(evaluation: Evaluation) -> None:
    page = Page()
    page.feed(to_html(evaluation))
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in ("src", "href", "onload", "onclick")]
    identifiers = [value for name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))


def test_no_label_can_write_into_the_page() -> None:
    evil = "<script>alert(1)</script>"
    templates, labels = people(70, 0.05, group=evil, centre=0.0)
    page = to_html(evaluate([corpus_of((templates, labels))], SimpleNamespace(digest="r" * 64, name=evil), None, [], NOW))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_every_plotted_group_stands_in_a_table_too(evaluation: Evaluation) -> None:
    page = to_html(evaluation)
    for label in ("Close women", "Wide women", "Rare women", "Under 13"):
        assert page.count(label) >= 2


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.123, "12 %"), (0.001, "0.1 %"), (0.00049, "0.049 %"), (3.8e-6, "0.00038 %")],
)
def test_a_share_is_written_with_two_digits(share: float, text: str) -> None:
    assert percent(share) == text.replace(" ", "\u00a0")


# -- folders


def written(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_labels_say_what_they_know_and_no_more(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", ("file", "group", "age"), ("a.jpg", "Asian", "25"), ("b.jpg", "", ""))
    assert read_labels(path) == [Label("a.jpg", None, "Asian", None, 25), Label("b.jpg")]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ((("name",), ("a.jpg",)), "no column file"),
        ((("file", "age"), ("a.jpg", "young")), "line 2: age"),
        ((("file", "age"), ("a.jpg", "131")), "line 2: age"),
        ((("file", "age"), ("a.jpg", "٣")), "line 2: age"),
        ((("file",), ("../../etc/passwd",)), "lie inside"),
        ((("file",), ("/etc/passwd",)), "lie inside"),
        ((("file",), ("",)), "lie inside"),
        ((("file",), ("a.jpg",), ("a.jpg",)), "twice"),
        ((("file", "file"), ("a.jpg", "b.jpg")), "a column twice"),
        ((("file", "age"), ("a.jpg",)), "line 2"),
        ((("file",), ("a.jpg", "25")), "line 2"),
    ],
)
def test_a_label_file_is_refused_by_line(tmp_path: Path, rows: tuple[tuple[str, ...], ...], sentence: str) -> None:
    with pytest.raises(EvaluationRefused, match=sentence):
        read_labels(written(tmp_path / "l.csv", *rows))


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b'file\n"a.jpg', b"\0"])
def test_rubbish_is_no_label_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "l.csv").write_bytes(data)
    with pytest.raises(EvaluationRefused):
        read_labels(tmp_path / "l.csv")


def test_pairs_say_one_or_nought(tmp_path: Path) -> None:
    rows = (("left", "right", "same"), ("a.jpg", "b.jpg", "1"), ("a.jpg", "c.jpg", "0"))
    found = read_pairs(written(tmp_path / "p.csv", *rows))
    assert found == [Pair("a.jpg", "b.jpg", same=True), Pair("a.jpg", "c.jpg", same=False)]
    assert [label.file for label in labels_of(found)] == ["a.jpg", "b.jpg", "c.jpg"]
    with pytest.raises(EvaluationRefused, match="line 2: same"):
        read_pairs(written(tmp_path / "q.csv", rows[0], ("a.jpg", "b.jpg", "yes")))


def test_a_folder_becomes_templates_and_refusals(portraits: Path, recogniser: OnnxRecogniser, tmp_path: Path) -> None:
    for name in ("obama.jpg", "biden.jpg"):
        (tmp_path / name).write_bytes((portraits / name).read_bytes())
    (tmp_path / "note.jpg").write_bytes(b"not an image")
    steps: list[tuple[int, int]] = []
    labels = [Label("obama.jpg", "o"), Label("note.jpg", "n"), Label("biden.jpg", "b")]
    corpus = look(tmp_path, labels, recogniser, progress=lambda done, of: steps.append((done, of)))
    assert [label.file for label in corpus.labels] == ["biden.jpg", "obama.jpg"]
    assert corpus.templates.shape == (2, 128)
    assert corpus.refused == ((Label("note.jpg", "n"), "not-an-image"),)
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert look(tmp_path, labels[::-1], recogniser).digest == corpus.digest
    (tmp_path / "note.jpg").write_bytes(b"not an image!")
    assert look(tmp_path, labels, recogniser).digest != corpus.digest


def test_an_image_that_is_named_and_absent_is_listed_and_a_pair_without_labels_is_an_error(
    recogniser: OnnxRecogniser, tmp_path: Path
) -> None:
    assert look(tmp_path, [Label("gone.jpg")], recogniser).refused == ((Label("gone.jpg"), "unreadable"),)
    with pytest.raises(EvaluationRefused, match=r"stray\.jpg, which has no label"):
        look(tmp_path, [Label("a.jpg")], recogniser, pairs=[Pair("a.jpg", "stray.jpg", same=True)])


# -- one's own cohort and calibration


def test_a_cohort_and_a_calibration_can_be_made_of_ones_own_images() -> None:
    corpus = corpus_of(people(120, 0.06, group="Wide", centre=0.0, photos=2), people(60, 0.05, group="Close", centre=0.2, photos=2))
    made = fit_cohort(corpus, RECOGNISER, per_group=30)
    assert set(made.groups) == {"Wide-F-13plus", "Close-F-13plus"}
    fitted = fit_calibration(corpus, RECOGNISER, made, NOW.date())
    assert (fitted.cohort, fitted.data, fitted.people) == (made.digest, corpus.digest, 180)
    evaluation = evaluate([corpus], RECOGNISER, made, [fitted], NOW)
    scoring = evaluation.findings[0].after
    assert scoring is not None
    assert scoring.claimed == pytest.approx(Decimal("0.001"), rel=Decimal("0.1"))


def test_a_cohort_needs_to_know_group_sex_and_age_and_a_calibration_who_is_who() -> None:
    templates, labels = people(60, 0.06, group="Wide", centre=0.0)
    with pytest.raises(CohortRefused, match="lacks one"):
        fit_cohort(corpus_of((templates, [replace(label, age=None) for label in labels])), RECOGNISER)
    with pytest.raises(EvaluationRefused, match="who is who"):
        fit_calibration(corpus_of((templates, [replace(label, person=None) for label in labels])), RECOGNISER, None, NOW.date())


# -- the research images, where they are


def test_on_real_faces_normalisation_brings_the_groups_together(shared_data: Path, recogniser: OnnxRecogniser) -> None:
    folder = shared_data / "faces-groups"
    chosen = [label for label in read_labels(folder / "labels.csv") if label.group in ("Asian", "White") and label.sex == "F"]
    corpus = look(folder / "images", chosen, recogniser)
    (findings,) = evaluate([corpus], recogniser, cohort.shipped(), [], NOW).findings
    assert findings.before.spread is not None
    assert findings.after is not None
    assert findings.after.spread is not None
    assert findings.before.spread.max_over_min > 10
    assert findings.after.spread.max_over_min < 5
    rates = [named(scoring.of("age"), "under 13").false_matches.value or 0.0 for scoring in (findings.before, findings.after)]
    assert rates[0] > 20 * rates[1]


def test_the_shipped_evaluation_is_what_these_images_give(
    shared_data: Path, recogniser: OnnxRecogniser, portrait: Callable[[str], object]
) -> None:
    folder = shared_data / "faces-groups"
    corpus = look(folder / "images", read_labels(folder / "labels.csv")[:3], recogniser)
    recorded = from_record(shipped_record()).findings[0]
    assert recorded.corpus == corpus.name == "faces-groups"
    assert (recorded.images, recorded.refused) == (1139, 0)
