"""Measure an exact search (1:N) on one core against one read of the same bytes from memory, and against faiss, in turns in one run.

    python -m bench.search [--sizes 10000 100000 1000000] [--rounds 9] [--stored 20000] [--json]

  read       the largest of all the bytes, taken as 64-bit numbers: reads each byte once and does nothing else
  distances  GalleryIndex.distances: the distance of the probe to every template
  search     Matcher.identify: distances, cohort normalisation, threshold, exact recheck, best per subject, candidates
  faiss      IndexFlatL2, the 50 nearest by raw distance: an exact search too, but it cannot rank by normalised score

and how long a worker takes to read a gallery of --stored templates from disk, opening each."""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy reads them: one core

import faiss
import numpy as np

from engine import calibration as calibrations
from engine import cohort as cohorts
from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries
from engine.galleries.synthetic import draw, fill_with_synthetic
from engine.galleries.vault import OpenTemplates, Vault
from engine.index import GalleryIndex, Indexes
from engine.matching import Matcher
from engine.orders import GalleryState

FLOOR, GOAL = 3.0, 1.5  # times the memory read
SIMILARITY = 99.9999  # of use in a gallery of a million


def gallery_of(size: int, cohort: cohorts.Cohort) -> OpenTemplates:
    """Return so many templates: 20,000 drawn from the cohort's Gaussians, the rest those with noise."""
    drawn = np.stack(list(draw(cohort, min(size, 20_000), seed=1)))
    chance = np.random.default_rng(2)
    vectors = drawn[np.arange(size) % len(drawn)] + chance.standard_normal((size, 128), dtype=np.float32) * np.float32(0.03)
    means = cohort.means(drawn)[np.arange(size) % len(drawn)]
    return OpenTemplates(np.arange(1, size + 1), tuple(f"s{number}" for number in range(size)), vectors, means)


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds it took."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def measure(size: int, rounds: int) -> dict[str, object]:
    """Return each contestant's median and best, and the ratios to the read."""
    cohort = cohorts.shipped()
    matcher = Matcher(cohort, calibrations.shipped(cohort.recogniser, cohort.digest), calibrations.shipped(cohort.recogniser, None))
    held = gallery_of(size, cohort)
    index = GalleryIndex(128)
    index.add(held)
    flat = faiss.IndexFlatL2(128)
    flat.add(held.vectors)
    faiss.omp_set_num_threads(1)
    (probe,) = matcher.probes([0], held.vectors[size // 2][None] + np.float32(0.001))
    scale = matcher.scale(normalised=True)
    words = held.vectors.reshape(-1).view(np.uint64)
    works: dict[str, Callable[[], object]] = {
        "read": words.max,
        "distances": lambda: index.distances(probe.template),
        "search": lambda: matcher.identify([probe], index, scale, SIMILARITY, 10),
        "faiss": lambda: flat.search(probe.template[None], 50),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        names = list(works)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name].append(timed(works[name]))
    found: dict[str, object] = {
        name: {"median_ms": round(statistics.median(took), 3), "best_ms": round(min(took), 3)} for name, took in times.items()
    }
    reads = statistics.median(times["read"])
    found |= {f"{name}_to_read": round(statistics.median(times[name]) / reads, 2) for name in works if name != "read"}
    found["first"] = matcher.identify([probe], index, scale, SIMILARITY, 10)[0].subject == f"s{size // 2}"
    return found


def measure_loading(count: int) -> dict[str, float]:
    """Return the seconds to fill a gallery on disk, and to read it into a worker's memory."""
    cohort = cohorts.shipped()
    with tempfile.TemporaryDirectory() as home:
        keys = KeyDirectory(Path(home) / "keys")
        galleries = Galleries(Path(home) / "galleries", keys)
        galleries.create("stored", cohort.recogniser)
        vault = Vault(galleries, keys, cohort.recogniser, cohort)
        filled = timed(lambda: fill_with_synthetic(vault, "stored", cohort, count, seed=1))
        indexes = Indexes(vault, 128, 2**31)
        read = timed(lambda: indexes.current(GalleryState("stored"), lambda _: None))
        again = timed(lambda: indexes.current(GalleryState("stored"), lambda _: None))
    return {
        "templates": count,
        "fill_s": round(filled / 1000, 2),
        "load_s": round(read / 1000, 2),
        "when_nothing_changed_ms": round(again, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--stored", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {size: measure(size, given.rounds) for size in given.sizes}
    loading = measure_loading(given.stored)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}"
    machine += f", numpy {version('numpy')}, faiss {version('faiss-cpu')}"
    if given.json:
        print(json.dumps({"search": found, "loading": loading, "machine": machine}))
        return
    for size, row in found.items():
        print(f"{size:>9,} templates: {row}")
    print(f"floor {FLOOR} x the read, goal {GOAL} x (search_to_read); loading: {loading}")
    print(machine)


if __name__ == "__main__":
    main()
