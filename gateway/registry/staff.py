"""Keep the people who work here and their roles, and the one-time links by which they come in. There is no password anywhere.

Nobody changes their own roles; the first link, printed at first start, makes a registrar and operator and nothing else."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, select

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.errors import AlreadyOnRecord, Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.identities import BUILT_IN, IdentityRow
from gateway.store.columns import Moment
from gateway.store.sessions import Database

ROLES = frozenset({"policy_author", "policy_approver", "registrar", "reviewer", "auditor", "operator", "ombudsman"})
# Looks into complaints about the house, and so belongs to no part of it.
APART = "ombudsman"
FIRST_ROLES = ("operator", "registrar")
FIRST_PERSON = "first-registrar"
LINK_LIVES = timedelta(hours=24)


class StaffRow(SQLModel, table=True):
    """One person; `state` is invited, active or left."""

    __tablename__ = "staff"

    id: str = Field(primary_key=True, max_length=63)
    name: str
    roles: list[str] = Field(sa_type=JSON)
    state: str
    invited_by: str


class LinkRow(SQLModel, table=True):
    """One one-time link, kept as a hash: who reads the table cannot use it."""

    __tablename__ = "one_time_links"

    digest: str = Field(primary_key=True, max_length=64)
    staff_id: str = Field(foreign_key="staff.id", index=True)
    ends_at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person on record with the roles they hold."""

    id: str
    name: str
    roles: frozenset[str]
    state: str


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """The secret part of a link: shown once, never stored, good for one entry until `ends_at`."""

    secret: str
    staff_id: str
    ends_at: datetime


class Staff:
    """The register of people."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def first_link(self) -> OneTimeLink | None:
        """Make the link of the first start, as long as nobody has come in yet; afterwards None.

        Asking again before anybody came in makes the earlier link worthless."""
        with self._database.writing() as session:
            if session.exec(select(StaffRow).where(StaffRow.state != "invited")).first() is not None:
                return None
            if session.get(StaffRow, FIRST_PERSON) is None:
                self._add(session, FIRST_PERSON, "First registrar", FIRST_ROLES, "installation")
            return self._link(session, FIRST_PERSON)

    def invite(self, staff_id: str, name: str, roles: tuple[str, ...], by: str) -> OneTimeLink:
        """Put a person on record and make their link. Raises Malformed, AlreadyOnRecord or SamePerson."""
        if staff_id == by:
            raise SamePerson("Giving roles")
        with self._database.writing() as session:
            taken = session.get(StaffRow, fields.identifier("id", staff_id)) or session.get(IdentityRow, (BUILT_IN, staff_id))
            if taken is not None:
                raise AlreadyOnRecord("person or client", staff_id)
            self._add(session, staff_id, name, roles, by)
            return self._link(session, staff_id)

    def relink(self, staff_id: str, by: str) -> OneTimeLink:
        """Make a new link for somebody on record; their earlier links are worthless from now on. Nobody makes their own."""
        if staff_id == by:
            raise SamePerson("A new link")
        with self._database.writing() as session:
            if _row(session, staff_id).state == "left":
                raise StateForbids(f"`{staff_id}` has left; invite the person anew under another id.")
            return self._link(session, staff_id)

    def redeem(self, secret: str) -> StaffMember:
        """Let the bearer of a link in, once. Raises NotOnRecord for a link that is unknown, used or too old, without saying which."""
        with self._database.writing() as session:
            link = session.get(LinkRow, _digest(secret))
            if link is None or link.ends_at <= self._clock.now():
                raise NotOnRecord("link")
            row = _row(session, link.staff_id)
            session.delete(link)
            row.state = "active"
        return staff_of(row)

    def set_roles(self, staff_id: str, roles: tuple[str, ...], by: str) -> StaffMember:
        """Replace a person's roles. Raises SamePerson when they are one's own."""
        if staff_id == by:
            raise SamePerson("Changing roles")
        with self._database.writing() as session:
            row = _row(session, staff_id)
            row.roles = roles_of(roles)
        return staff_of(row)

    def leave(self, staff_id: str) -> StaffMember:
        """End a person's access from the next request on; the record stays, for entries name them."""
        with self._database.writing() as session:
            row = _row(session, staff_id)
            row.state, row.roles = "left", []
            self._drop_links(session, staff_id)
        return staff_of(row)

    def get(self, staff_id: str) -> StaffMember:
        """Return one person or raise NotOnRecord."""
        with self._database.reading() as session:
            return staff_of(_row(session, staff_id))

    def all(self) -> tuple[StaffMember, ...]:
        """Return everybody, by id."""
        with self._database.reading() as session:
            return tuple(staff_of(row) for row in session.exec(select(StaffRow).order_by(StaffRow.id)))

    def _add(self, session: Session, staff_id: str, name: str, roles: tuple[str, ...], by: str) -> None:
        checked = roles_of(roles)
        session.add(StaffRow(id=staff_id, name=fields.text("name", name), roles=checked, state="invited", invited_by=by))
        session.add(IdentityRow(issuer=BUILT_IN, subject=staff_id, kind="staff", holder=staff_id))
        session.flush()  # the link that follows refers to this row

    def _link(self, session: Session, staff_id: str) -> OneTimeLink:
        self._drop_links(session, staff_id)
        # Hexadecimal: it is typed as an argument of a command, and must never look like an option.
        link = OneTimeLink(secrets.token_hex(32), staff_id, self._clock.now() + LINK_LIVES)
        session.add(LinkRow(digest=_digest(link.secret), staff_id=staff_id, ends_at=link.ends_at))
        return link

    def _drop_links(self, session: Session, staff_id: str) -> None:
        for old in session.exec(select(LinkRow).where(LinkRow.staff_id == staff_id)):
            session.delete(old)


def roles_of(roles: object) -> list[str]:
    """Return roles that one person may hold, sorted. Raises Malformed: an ombudsman holds no other."""
    checked = list(fields.words("roles", roles, ROLES))
    if APART in checked and len(checked) > 1:
        raise Malformed("roles", f"name `{APART}` alone: who looks into complaints about the house has no other part in it.")
    return checked


def staff_of(row: StaffRow) -> StaffMember:
    """Turn a row into the value that the rest of the gateway sees."""
    return StaffMember(row.id, row.name, frozenset(row.roles), row.state)


def _row(session: Session, staff_id: str) -> StaffRow:
    row = session.get(StaffRow, staff_id)
    if row is None:
        raise NotOnRecord("person")
    return row


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
