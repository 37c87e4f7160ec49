"""Count permitted requests against the licence, in the database, inside the decision. Knows no request and keeps no history.

A licence, and every licence that it was derived from, pays for each use; all counters move in one transaction or none does, so
neither two requests nor two processes can spend the same unit. Of several licences the first that has room pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlmodel import Field, Session, SQLModel

from gateway.registry.errors import QuotaExceeded
from gateway.registry.licences import Licence
from gateway.store.sessions import Database

# One statement that counts and checks, on SQLite and PostgreSQL alike: no row comes back when the limit is reached.
SPEND = text(
    "INSERT INTO quota_counters (licence_id, scope, used) SELECT :licence, :scope, 1 WHERE :most > 0 "
    "ON CONFLICT (licence_id, scope) DO UPDATE SET used = quota_counters.used + 1 WHERE quota_counters.used < :most RETURNING used"
)


class QuotaRow(SQLModel, table=True):
    """How much of a licence is used up within one scope: `day:2026-11-23` or `case:CLIENT/REFERENCE`."""

    __tablename__ = "quota_counters"

    licence_id: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    used: int


DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Standing:
    """One quota as a client may be told of it: `day` or `case`, how much it is, how much is left, and until when (seconds)."""

    name: str
    limit: int
    remaining: int
    window: int | None = None
    resets_in: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Which licence paid, and what it has left, for the RateLimit fields: the day's limit and remainder, seconds until it starts anew."""

    licence: Licence
    limit: int
    remaining: int
    resets_in: int
    remaining_case: int | None
    limit_case: int | None = None

    @property
    def standing(self) -> tuple[Standing, ...]:
        """Both quotas, the day's first."""
        day = Standing("day", self.limit, self.remaining, DAY_SECONDS, self.resets_in)
        if self.limit_case is None or self.remaining_case is None:
            return (day,)
        return day, Standing("case", self.limit_case, self.remaining_case)


def used_up(licences: Sequence[Licence], fault: QuotaExceeded) -> tuple[Standing, ...]:
    """Say which quota is used up, of the licence that the fault names: its own limit, even where one that it derives from had less left."""
    licence = next(licence for licence in licences if licence.id == fault.licence)
    if fault.code == "quota-day":
        return (Standing("day", licence.terms.quota_day, 0, DAY_SECONDS, fault.retry_after),)
    return (Standing("case", licence.terms.quota_case, 0),)


class Quotas:
    """The counters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def spend(self, licences: Sequence[Licence], case_ref: str | None, at: datetime) -> Spent:
        """Count one permitted request for the day, and for the case if there is one, under the first of these licences that has room.

        Raises QuotaExceeded and then has counted nothing: quota-day with retry_after where one of them may be used again tomorrow,
        quota-case where none will ever have room for this case; its `licence` is the first of which that is so."""
        refused: list[QuotaExceeded] = []
        with self._database.writing() as session:
            for licence in licences:
                try:
                    # Used up half-way (its own day has room, its parent's has not), it gives back what it counted.
                    with session.begin_nested():
                        return _charge(session, licence, case_ref, at)
                except QuotaExceeded as fault:
                    refused.append(fault)
        raise next((fault for fault in refused if fault.code == "quota-day"), refused[0])

    def forget_days_before(self, at: datetime) -> None:
        """Drop the counters of days that are over; those of cases stay."""
        with self._database.writing() as session:
            today = f"day:{at.astimezone(UTC):%Y-%m-%d}"
            session.connection().execute(text("DELETE FROM quota_counters WHERE scope LIKE 'day:%' AND scope < :today"), {"today": today})


def _charge(session: Session, licence: Licence, case_ref: str | None, at: datetime) -> Spent:
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    resets_in = int((midnight + timedelta(days=1) - at).total_seconds()) + 1
    left_day: list[int] = []
    left_case: list[int] = []
    for payer in licence.holders:
        # The case first: where both are used up, waiting for tomorrow would be bad advice.
        if case_ref is not None:
            most, scope = payer.terms.quota_case, f"case:{licence.client_id}/{case_ref}"
            left_case.append(_count(session, payer.id, scope, most, QuotaExceeded("quota-case", most, None, licence.id)))
        most, scope = payer.terms.quota_day, f"day:{midnight:%Y-%m-%d}"
        left_day.append(_count(session, payer.id, scope, most, QuotaExceeded("quota-day", most, resets_in, licence.id)))
    most_case = None if case_ref is None else licence.terms.quota_case
    return Spent(licence, licence.terms.quota_day, min(left_day), resets_in, min(left_case, default=None), most_case)


def _count(session: Session, licence_id: str, scope: str, most: int, otherwise: QuotaExceeded) -> int:
    used = session.connection().execute(SPEND, {"licence": licence_id, "scope": scope, "most": most}).scalar()
    if used is None:
        raise otherwise
    return most - int(used)
