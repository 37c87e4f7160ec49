"""Make the numbers that ship with the engine anew: cohort file, both calibrations, evaluation record. No image and no template comes out.

    python -m bench.shipped [--data ../shared/data] [--report report.html]

It needs the research images, which are never committed, and takes about two minutes."""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from engine import cohort
from engine.calibration import Calibration
from engine.evaluation.corpus import Corpus, look, read_labels, read_pairs
from engine.evaluation.evaluate import evaluate
from engine.evaluation.record import evidence, to_record
from engine.evaluation.reference import fit_calibration
from engine.evaluation.report import to_html
from engine.recognisers.base import Recogniser
from engine.recognisers.dlib import FaceFinder
from engine.recognisers.onnx import OnnxRecogniser, ensure_model

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "engine" / "data"


def make_cohort(data: Path, recogniser: Recogniser) -> cohort.Cohort:
    """Bind the synthetic cohort to its recogniser and put it in place."""
    with np.load(data / "cohort" / "synthetic_cohort.npz", allow_pickle=False) as file:
        made = cohort.Cohort(file["embeddings"], tuple(map(str, file["group"])), recogniser.digest)
    cohort.write_cohort(made, SHIPPED / "cohort" / "synthetic_cohort.npz")
    return made


def make_calibrations(pairs: Corpus, recogniser: Recogniser, reference: cohort.Cohort, now: datetime) -> list[Calibration]:
    """Fit both calibrations to all pairs of strangers and put them in place."""
    made = [fit_calibration(pairs, recogniser, chosen, now.date()) for chosen in (None, reference)]
    for name, fitted in zip(("dlib-raw", "dlib-cohort"), made, strict=True):
        (SHIPPED / "calibrations" / f"{name}.json").write_bytes(fitted.to_json() + b"\n")
        print(f"{name}: {fitted.pairs:,} pairs, {len(fitted.scores)} knots, digest {fitted.digest[:16]}")
    return made


def progress(done: int, of: int) -> None:
    """Show how far it is."""
    if done % 100 == 0 or done == of:
        print(f"\r{done}/{of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def main() -> None:
    """Make everything anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--report", type=Path)
    given, now = parser.parse_args(), datetime.now(UTC).replace(microsecond=0)
    pair_images, group_images = given.data / "faces-pairs", given.data / "faces-groups"
    with tempfile.TemporaryDirectory() as models:
        recogniser = OnnxRecogniser(ensure_model(Path(models)), FaceFinder())
        people, listed = read_labels(pair_images / "people.csv"), read_pairs(pair_images / "pairs.csv")
        pairs = look(pair_images / "images", people, recogniser, pairs=listed, progress=progress)
        groups = look(group_images / "images", read_labels(group_images / "labels.csv"), recogniser, progress=progress)
    reference = make_cohort(given.data, recogniser)
    calibrations = make_calibrations(pairs, recogniser, reference, now)
    evaluation = evaluate([groups, pairs], recogniser, reference, calibrations, now)
    (SHIPPED / "evaluations").mkdir(exist_ok=True)
    (SHIPPED / "evaluations" / "dlib.json").write_bytes(to_record(evaluation) + b"\n")
    print(f"evidence: {evidence(evaluation)}")
    if given.report is not None:
        given.report.write_text(to_html(evaluation), encoding="utf-8")


if __name__ == "__main__":
    main()
