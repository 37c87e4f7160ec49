"""Keep pairs of faces whose truth is known, and count how often each reviewer is wrong about them. They are nobody's results.

A pair goes into the queue as a result would and looks like one; what a reviewer says of it is told to that reviewer, and to operators."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlmodel import Field, SQLModel, col, func, select

from engine.evaluation.measures import Rate
from engine.pairs import Pair, shipped_pairs
from gateway.review.judging import Judgement
from gateway.review.queue import JudgementRow, ReviewRow
from gateway.review.vault import Vault
from gateway.store.sessions import Database

# The key under which an operator's pairs lie; no case can have this name, which has no client.
_CASE: Final = "/calibration-pairs"
SHIPPED: Final = "shipped"
CALIBRATED: Final = "calibrated"


class PairRow(SQLModel, table=True):
    """One pair that an operator brought along; the faces are sealed."""

    __tablename__ = "calibration_pairs"

    id: str = Field(primary_key=True, max_length=64)
    truth: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class OwnRate:
    """How often one reviewer was wrong about pairs of a kind: errors among trials, and where the true share lies with 95 %."""

    errors: int
    trials: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson interval; None before the first trial."""
        return Rate(self.errors, self.trials).interval if self.trials else None


@dataclass(frozen=True, slots=True)
class Competence:
    """What one reviewer's judgements of known pairs say: strangers called the same, the same called strangers, and how often they could
    not tell (which is no error); and how many real results they judged."""

    reviewer: str
    false_same: OwnRate
    false_different: OwnRate
    cannot_tell: int
    results: int


class Pairs:
    """The pairs of one home: the operator's own or, as long as there are none, the few that are shipped."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def keep(self, pairs: Sequence[Pair]) -> int:
        """Seal these pairs in place of those that were kept before, and return how many there are; `scrub` takes the old from the disk."""
        rows = []
        for pair in pairs:
            pair_id = secrets.token_hex(12)
            rows.append(PairRow(id=pair_id, truth=pair.truth, sealed=self._vault.seal(_CASE, pair_id, msgspec.msgpack.encode(pair))))
        with self._database.writing() as session:
            for old in session.exec(select(PairRow)):
                session.delete(old)
            session.add_all(rows)
        return len(rows)

    def scrub(self) -> None:
        """Leave no file with the pairs that were replaced. Not inside a change that is still being made."""
        self._database.scrub()

    def count(self) -> int:
        """Return how many pairs of the operator's own there are."""
        with self._database.reading() as session:
            return int(session.exec(select(func.count(col(PairRow.id)))).one())

    def draw(self) -> tuple[str, str]:
        """Return the id of a pair drawn by lot, and its truth."""
        with self._database.reading() as session:
            known = [(row.id, row.truth) for row in session.exec(select(PairRow))]
        if not known:
            known = [(f"{SHIPPED}-{number}", pair.truth) for number, pair in enumerate(shipped_pairs())]
        return secrets.choice(known)

    def get(self, pair_id: str) -> Pair | None:
        """Return a pair with its faces; None if the operator has replaced it since. Raises ResultShredded."""
        if pair_id.startswith(SHIPPED):
            return shipped_pairs()[int(pair_id.removeprefix(f"{SHIPPED}-"))]
        with self._database.reading() as session:
            row = session.get(PairRow, pair_id)
            if row is None:
                return None
            return msgspec.msgpack.decode(self._vault.unseal(_CASE, pair_id, row.sealed), type=Pair)

    def competence(self, reviewer: str) -> Competence:
        """Return what one reviewer's judgements of known pairs say so far."""
        query = select(JudgementRow, ReviewRow).where(JudgementRow.review == ReviewRow.id, JudgementRow.reviewer == reviewer)
        said: list[tuple[str, str]] = []
        results = 0
        with self._database.reading() as session:
            for judgement, review in session.exec(query):
                if review.truth is None:
                    results += 1
                else:
                    said.append((review.truth, judgement.said[0]))
        of_strangers = [word for truth, word in said if truth == Judgement.DIFFERENT and word != Judgement.CANNOT_TELL]
        of_the_same = [word for truth, word in said if truth == Judgement.SAME and word != Judgement.CANNOT_TELL]
        return Competence(
            reviewer,
            OwnRate(of_strangers.count(Judgement.SAME), len(of_strangers)),
            OwnRate(of_the_same.count(Judgement.DIFFERENT), len(of_the_same)),
            sum(word == Judgement.CANNOT_TELL for _truth, word in said),
            results,
        )

    def reviewers(self) -> tuple[str, ...]:
        """Return everybody who has judged anything, by id."""
        with self._database.reading() as session:
            return tuple(sorted(session.exec(select(JudgementRow.reviewer).distinct())))
