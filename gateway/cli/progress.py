"""Turn the lines of an installer into one honest line: what is done of how much, for how long, and how long yet.
Estimates from the speed measured so far and from nothing else; it never starts, stops or judges the installer."""

import re
import shutil
import time
from collections.abc import Callable
from typing import TextIO

PLAIN_EVERY = 5.0  # seconds between two lines where nobody can watch one line change
LIVE_EVERY = 0.2
# Seconds on two cores. The one source package holds the recogniser's weights, 100 MB; packing them takes its time on any network.
BUILDS = {"face-recognition-models": "some 15"}

_UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_RESOLVED = re.compile(r"Resolved (\d+) packages?")
_COLLECTING = re.compile(r"Collecting \S+")
_DOWNLOADING = re.compile(r"(?:Downloading|Using cached) (\S+) \(([\d.]+) ?([KMG]i?|k)B\)")
_DOWNLOADED = re.compile(r"Downloaded (\S+)")
_BUILDING = re.compile(r"(?:Building wheel for|Building) ([\w.-]+?)(?:==\S+)?(?: .*started)?$")
_BUILT = re.compile(r"(?:Built \S+|Building wheel for .*finished)")
_LINKING = re.compile(r"(?:Prepared \d+|Installing collected) packages?")


class Progress:
    """What is known so far of one installation of `packages` packages, as uv or pip tells it line by line."""

    def __init__(self, packages: int, out: TextIO, began: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._packages = packages
        self._out = out
        self._clock = clock
        self._began = began
        self._downloads_began = clock()
        self._live = out.isatty()
        self._shown_at = began
        self._last = ""
        self._collected = 0
        self._announced: dict[str, float] = {}
        self._finished: set[str] = set()
        self._building: tuple[str, float] | None = None
        self._built = False
        self._linking = False

    def hear(self, line: str) -> None:
        """Take one line of the installer's output; a line of another kind changes nothing."""
        line = line.strip()
        if found := _RESOLVED.match(line):
            self._packages = int(found[1])
        elif _COLLECTING.match(line):
            # pip works on one package at a time, so that a new one means that all before it have come.
            self._collected += 1
            self._finished.update(self._announced)
        elif found := _DOWNLOADING.match(line):
            self._announced[found[1]] = float(found[2]) * _UNITS[found[3].replace("k", "K")]
        elif found := _DOWNLOADED.match(line):
            self._finished.add(found[1])
        elif _BUILT.match(line):
            self._building, self._built = None, True
        elif found := _BUILDING.match(line):
            self._building = (found[1], self._clock())
        elif _LINKING.match(line):
            self._finished.update(self._announced)
            self._linking = True

    def sentence(self) -> str:
        """Say how far it is, and how long yet where a speed has been measured."""
        now = self._clock()
        packages = f"{self._packages} package" + ("" if self._packages == 1 else "s")
        so_far = f"{now - self._began:.0f} s so far"
        if self._linking:
            return f"all of {packages} downloaded; putting in place, {so_far}"
        if not self._announced and not self._collected:
            return f"asking which files of {packages} fit this machine, {so_far}"
        done = sum(size for name, size in self._announced.items() if name in self._finished)
        total = sum(self._announced.values())
        if self._collected:
            text = f"package {self._collected} of at most {self._packages}, {done / 1e6:.0f} MB downloaded, {so_far}"
            share = (self._collected - 1) / self._packages
        else:
            text = f"downloaded {done / 1e6:.0f} of {total / 1e6:.0f} MB, {so_far}"
            share = done / total
        if self._building:
            name, since = self._building
            text += f"; building {name} for {now - since:.0f} s" + (f" of {BUILDS[name]}" if name in BUILDS else "")
        elif share == 1 and not self._built:
            text += "; a source package is on its way (uv does not tell how far)"
        measured = now - self._downloads_began
        if 0 < share < 1 and measured >= 1:
            text += f", about {measured * (1 - share) / share:.0f} s to go"
        return text

    def show(self) -> None:
        """Write the sentence when it is due: over the last one on a terminal, as a new line elsewhere."""
        now = self._clock()
        if now - self._shown_at < (LIVE_EVERY if self._live else PLAIN_EVERY):
            return
        self._shown_at = now
        text = "  " + self.sentence()
        if self._live:
            text = text[: shutil.get_terminal_size().columns - 1]  # a wrapped line could not be written over
        self._out.write(f"\r{text:<{len(self._last)}}" if self._live else f"{text}\n")
        self._out.flush()
        self._last = text

    def end(self) -> None:
        """Leave the terminal on a line of its own."""
        if self._live and self._last:
            self._out.write("\r" + " " * len(self._last) + "\r")
            self._out.flush()
