"""Know what an applicant for a licence promises: the sentences of acknowledgements.toml, each in its edition. Decides no request.

A promise is named as it was read: a bare name is its first edition, `name@2` the second. One that has changed since is asked for again."""

import hashlib
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from gateway.registry.errors import Malformed

SHIPPED: Final = Path(__file__).with_name("acknowledgements.toml")
_FIELD: Final = "acknowledgements"


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence that an applicant acknowledges, and of whom it is asked (an empty set: of any)."""

    name: str
    edition: int
    sentence: str
    client_kinds: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()

    @property
    def said(self) -> str:
        """The name by which this very text is acknowledged."""
        return self.name if self.edition == 1 else f"{self.name}@{self.edition}"

    @property
    def digest(self) -> str:
        """SHA-256 of the sentence, in hex."""
        return hashlib.sha256(self.sentence.encode()).hexdigest()

    def is_asked_of(self, kind: str, grants: Iterable[str]) -> bool:
        """Say whether a client of that kind that wants those `purpose:operation` pairs must make it."""
        wanted = (grant.partition(":") for grant in grants)
        of_any_grant = not (self.purposes or self.operations)
        return _fits(kind, self.client_kinds) and (
            of_any_grant or any(_fits(purpose, self.purposes) and _fits(operation, self.operations) for purpose, _, operation in wanted)
        )

    def to_json(self) -> dict[str, Any]:
        """The promise as it stands in a licence: which one, in which edition, and what was read."""
        return {"name": self.name, "edition": self.edition, "sha256": self.digest}


@dataclass(frozen=True, slots=True)
class Promises:
    """Every promise, by name."""

    by_name: Mapping[str, Promise]

    @classmethod
    def read(cls, text: str) -> "Promises":
        """Read a table in the shape of acknowledgements.toml."""
        return cls({name: _promise(name, entry) for name, entry in tomllib.loads(text).items()})

    def all(self) -> tuple[str, ...]:
        """Return what acknowledges every text as it reads now."""
        return tuple(promise.said for promise in self.by_name.values())

    def asked(self, kind: str, grants: Collection[str]) -> tuple[Promise, ...]:
        """Return what a client of that kind must promise to get those grants."""
        return tuple(promise for promise in self.by_name.values() if promise.is_asked_of(kind, grants))

    def accept(self, said: Sequence[str], kind: str, grants: Collection[str]) -> list[dict[str, Any]]:
        """Return what was acknowledged, as it is put on record: all that was said, which must hold all that is asked.

        Raises Malformed (acknowledgements) for a promise nobody knows, one whose text has changed since, and one that is missing."""
        given = {promise.name: promise for promise in map(self._as_read, said)}
        missing = [promise.said for promise in self.asked(kind, grants) if promise.name not in given]
        if missing:
            raise Malformed(_FIELD, f"must name each promise that this licence asks for; missing: {', '.join(missing)}.")
        return [given[name].to_json() for name in sorted(given)]

    def _as_read(self, said: str) -> Promise:
        name, at, edition = said.partition("@")
        promise = self.by_name.get(name)
        if promise is None:
            raise Malformed(_FIELD, f"knows only: {', '.join(self.all())}.")
        if (edition if at else "1") != str(promise.edition):
            raise Malformed(
                _FIELD, f"names `{name}` in words that are not the present ones; read it again and name it as `{promise.said}`."
            )
        return promise


@cache
def shipped() -> Promises:
    """Return the promises of this version of the software."""
    return Promises.read(SHIPPED.read_text(encoding="utf-8"))


def _promise(name: str, entry: Mapping[str, Any]) -> Promise:
    of = {member: frozenset(entry.get(member, ())) for member in ("client_kinds", "purposes", "operations")}
    return Promise(name, entry["edition"], entry["sentence"], **of)


def _fits(word: str, among: frozenset[str]) -> bool:
    return not among or word in among
