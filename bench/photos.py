"""Measure whether a subject with several photos is still told what a match is worth: claimed against counted false matches.

    python -m bench.photos [--photos 3] [--seed 0]

People of shared/data/faces-pairs with enough images are enrolled with --photos of them and their mean template; everybody else
probes once. Prints, for each claimed rate, how many times as many strangers pass: with the rate of the best template counted once
for each template (as Matcher does), and without. At most 1 is honest."""

import argparse
import csv
import os
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from engine import calibration as calibrations
from engine import cohort as cohorts
from engine.galleries.vault import OpenTemplates
from engine.images import read_picture
from engine.index import Vector
from engine.matching import Matcher
from engine.recognisers.dlib import FaceFinder
from engine.recognisers.onnx import OnnxRecogniser, ensure_model

SHARED = Path(os.environ.get("CUSTODES_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "faces-pairs"
CLAIMS = (1e-2, 1e-3, 1e-4)


def templates_of_people() -> dict[str, Vector]:
    """Return the templates of each person's images, the face nearest to the middle of each."""
    found: dict[str, list[Vector]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as models:
        recogniser = OnnxRecogniser(ensure_model(Path(models)), FaceFinder())
    with (SHARED / "people.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            pixels = read_picture((SHARED / "images" / row["file"]).read_bytes()).pixels
            height, width = pixels.shape[:2]
            faces = recogniser.detect(pixels)
            if faces:
                middle = min(
                    faces, key=lambda face: abs(face.box.left + face.box.right - width) + abs(face.box.top + face.box.bottom - height)
                )
                found[row["person"]].append(recogniser.template(pixels, middle))
    return {person: np.stack(templates) for person, templates in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, people, cohort = np.random.default_rng(given.seed), templates_of_people(), cohorts.shipped()
    matcher = Matcher(cohort, calibrations.shipped(cohort.recogniser, cohort.digest), calibrations.shipped(cohort.recogniser, None))
    enrolled = {person: chance.permutation(held)[: given.photos] for person, held in people.items() if len(held) > given.photos}
    strangers = np.stack([chance.permutation(held)[0] for person, held in people.items() if person not in enrolled])
    print(f"{len(enrolled)} people with {given.photos} photos and their mean, {len(strangers)} strangers")
    for normalised in (True, False):
        scale = matcher.scale(normalised=normalised)
        best = np.stack([_best_scores(matcher, strangers, photos, cohort, normalised) for photos in enrolled.values()])
        rates = np.vectorize(scale.calibration.false_match_rate)(best)
        for claim in CLAIMS:
            counted, once = ((rates * times <= claim).mean() / claim for times in (given.photos + 1, 1))
            print(
                f"  {'cohort' if normalised else 'raw   '}  claimed {claim:g}: {counted:.2f} times as many pass; {once:.2f} if counted once"
            )


def _best_scores(matcher: Matcher, probes: Vector, photos: Vector, cohort: cohorts.Cohort, normalised: bool) -> Vector:
    vectors = np.vstack([photos, photos.mean(axis=0)])
    held = OpenTemplates(np.arange(len(vectors)), ("p",) * len(vectors), vectors, cohort.means(vectors))
    distances = np.linalg.norm(probes[:, None].astype(np.float64) - vectors[None], axis=2)
    scale = matcher.scale(normalised=normalised)
    scores = [
        scale.scores(row, probe, held.means).min() for row, probe in zip(distances, matcher.probes(range(len(probes)), probes), strict=True)
    ]
    return np.array(scores, dtype=np.float32)


if __name__ == "__main__":
    main()
