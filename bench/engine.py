"""Measure the recogniser against face_recognition on the same faces, both in one run, in turns: an embedding, and a whole image.

    python -m bench.engine [--rounds N] [--threads N] [--json]

An embedding is what `face_recognition.face_encodings` does for a known box: landmarks, alignment, network. A whole image is reading its
bytes, finding the face and embedding it, each package in its usual way."""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import ImageFile

from engine.faces import Box
from engine.images import Pixels, read_picture
from engine.recognisers.base import Template
from engine.recognisers.dlib import DLIB_VERSION, FaceFinder, ReferenceRecogniser
from engine.recognisers.onnx import THREADS, OnnxRecogniser, ensure_model

PORTRAITS = Path(__file__).parents[1] / "engine" / "data" / "portraits"
FLOOR, GOAL = 12, 20


SLICE_MS = 120.0  # what each of the two is given at a turn, or a single long call's time


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds one call took, over as many calls as fit into a slice.

    Both are given the same stretch of the machine: a neighbour's millisecond would weigh fifteen times as much on a single short call."""
    calls, started = 0, time.perf_counter()
    while (spent := (time.perf_counter() - started) * 1000) < SLICE_MS:
        work()
        calls += 1
    return spent / calls


def measure(rounds: int, threads: int) -> dict[str, object]:
    """Return the medians, their ratios, and the largest difference of any number of any template."""
    with tempfile.TemporaryDirectory() as models:
        finder = FaceFinder()
        ours = OnnxRecogniser(ensure_model(Path(models)), finder, threads=threads)
    ReferenceRecogniser(finder)  # imports face_recognition with its traps disarmed
    import face_recognition

    their_faces: list[float] = []
    our_faces: list[float] = []
    their_images: list[float] = []
    our_images: list[float] = []
    apart = 0.0
    for path in sorted(path for path in PORTRAITS.iterdir() if path.suffix in (".jpg", ".png")):
        data = path.read_bytes()
        image = read_picture(data).pixels
        (face,) = ours.detect(image)
        theirs = partial(face_recognition.face_encodings, image, [(face.box.top, face.box.right, face.box.bottom, face.box.left)])
        mine = partial(_embed, ours, finder, image, face.box)
        apart = max(apart, float(np.abs(theirs()[0] - mine()).max()))
        for _ in range(rounds):
            their_faces.append(timed(theirs))
            our_faces.append(timed(mine))
        their_images.append(timed(partial(_their_way, path)))
        our_images.append(timed(partial(_our_way, ours, data)))
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    return {
        "embedding_ms": _compared(their_faces, our_faces),
        "whole_image_ms": _compared(their_images, our_images),
        "largest_difference": apart,
        "faces": len(our_images),
        "rounds": rounds,
        "threads": threads,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}, load {os.getloadavg()[0]:.1f}",
        "versions": {name: version(name) for name in ("face-recognition", "onnxruntime", "numpy", "pillow")}
        | {"dlib": DLIB_VERSION, "python": platform.python_version()},
    }


def compared(threads: int) -> str:
    """Say what is held against what, so that nobody takes the ratio for more than it is."""
    return (
        "an embedding: face_recognition.face_encodings(image, [box]) with its defaults (5 landmarks, no jitter) against our landmarks,"
        f" alignment and network, on the same box of the same pixels; dlib on one thread, onnxruntime on {threads}\n"
        "a whole image: load_image_file and face_encodings, which finds the faces of one pass, against the image guard, two passes"
        " (every face is counted, small ones beside a large one too) and all templates\n"
    )


def _compared(theirs: list[float], ours: list[float]) -> dict[str, float]:
    """Medians, and the fastest tenth of each: on a busy machine the latter says more of the programs and less of the neighbours."""
    found = {"face_recognition": statistics.median(theirs), "custodes": statistics.median(ours)}
    quiet = [statistics.quantiles(times, n=10)[0] for times in (theirs, ours)]
    return {name: round(value, 2) for name, value in found.items()} | {
        "ratio": round(found["face_recognition"] / found["custodes"], 1),
        "ratio_undisturbed": round(quiet[0] / quiet[1], 1),
    }


def _embed(ours: OnnxRecogniser, finder: FaceFinder, image: Pixels, box: Box) -> Template:
    return ours.template(image, finder.locate(image, box))


def _their_way(path: Path) -> None:
    import face_recognition

    face_recognition.face_encodings(face_recognition.load_image_file(path))


def _our_way(ours: OnnxRecogniser, data: bytes) -> None:
    image: Pixels = read_picture(data).pixels
    ours.templates(image, ours.detect(image))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, help="how often each face is embedded by each")
    parser.add_argument("--threads", type=int, default=THREADS, help="onnxruntime's threads for one embedding; as served unless said")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.rounds, given.threads)
    if given.json:
        print(json.dumps(found))
        return
    print(compared(given.threads))
    for name, what in (("embedding_ms", "an embedding"), ("whole_image_ms", "a whole image")):
        times = found[name]
        assert isinstance(times, dict)
        print(
            f"{what:14} face_recognition {times['face_recognition']} ms, custodes {times['custodes']} ms: {times['ratio']} times as fast"
            f" ({times['ratio_undisturbed']} undisturbed)"
        )
    print(f"floor {FLOOR}, goal {GOAL} for an embedding; largest difference of any of the numbers: {found['largest_difference']:.2e}")
    print(f"{found['faces']} faces x {found['rounds']} rounds, medians; onnxruntime on {found['threads']} threads; {found['machine']}")
    print(found["versions"])


if __name__ == "__main__":
    main()
