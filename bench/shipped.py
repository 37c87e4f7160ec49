"""Make the numbers that ship with the engine anew: the cohort file, both calibrations. Only numbers come out; no image, no template.

    python -m bench.shipped [--data ../shared/data] [--on 2026-11-23]

It needs the research images, which are never committed, and takes about two minutes."""

import argparse
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from engine import calibration, cohort
from engine.evaluation.corpus import Corpus, look, read_labels
from engine.evaluation.scores import compare
from engine.recognisers.base import Recogniser
from engine.recognisers.dlib import FaceFinder
from engine.recognisers.onnx import OnnxRecogniser, ensure_model

ROOT = Path(__file__).parents[1]
PEOPLE_SOURCE = "faces-pairs: LFW deepfunneled, 2,320 images; strangers are all pairs of different people"


def make_cohort(data: Path, recogniser: Recogniser) -> cohort.Cohort:
    """Bind the synthetic cohort to its recogniser and put it in place."""
    with np.load(data / "cohort" / "synthetic_cohort.npz", allow_pickle=False) as file:
        made = cohort.Cohort(file["embeddings"], tuple(map(str, file["group"])), recogniser.digest)
    cohort.write_cohort(made, ROOT / "engine" / "data" / "cohort" / "synthetic_cohort.npz")
    return made


def make_calibrations(corpus: Corpus, recogniser: Recogniser, reference: cohort.Cohort, on: date) -> None:
    """Fit both calibrations to all pairs of strangers and put them in place."""
    for name, chosen in (("dlib-raw", None), ("dlib-cohort", reference)):
        fitted = calibration.fit(
            compare(corpus, chosen).strangers,
            recogniser=recogniser.digest,
            cohort=None if chosen is None else chosen.digest,
            people=corpus.people,
            data=corpus.digest,
            source=PEOPLE_SOURCE,
            made_on=on,
        )
        place = ROOT / "engine" / "data" / "calibrations" / f"{name}.json"
        place.write_bytes(fitted.to_json() + b"\n")
        print(f"{name}: {fitted.pairs:,} pairs, {len(fitted.scores)} knots, digest {fitted.digest[:16]}")


def progress(done: int, of: int) -> None:
    """Show how far it is."""
    if done % 100 == 0 or done == of:
        print(f"\r{done}/{of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def main() -> None:
    """Make everything anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--on", type=date.fromisoformat, default=datetime.now(UTC).date())
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as models:
        recogniser = OnnxRecogniser(ensure_model(Path(models)), FaceFinder())
        reference = make_cohort(given.data, recogniser)
        pairs = given.data / "faces-pairs"
        corpus = look(pairs / "images", read_labels(pairs / "people.csv"), recogniser, progress=progress)
    make_calibrations(corpus, recogniser, reference, given.on)


if __name__ == "__main__":
    main()
