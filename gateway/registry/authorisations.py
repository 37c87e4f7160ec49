"""Keep warrants, court orders and mandates: who issued them, for which case, place, purpose, operation and time. Never the paper itself.

A paper counts only when a second person has confirmed what the first recorded; until then it is merely `requested`."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Field, Session, SQLModel, col, select

from gateway.clock import Clock, iso
from gateway.registry import fields
from gateway.registry.authorities import AuthorityRow, authority_of
from gateway.registry.clients import ClientRow
from gateway.registry.errors import AlreadyOnRecord, AuthorisationRefused, Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.fields import Words, inside
from gateway.registry.seals import ForeignSeal
from gateway.store.columns import Moment
from gateway.store.sessions import Database


class AuthorisationRow(SQLModel, table=True):
    """One paper; `status` is requested, granted, rejected or revoked, in the words of the rules."""

    __tablename__ = "authorisations"

    id: str = Field(primary_key=True, max_length=63)
    client_id: str = Field(foreign_key="clients.id", index=True)
    type: str
    issuer: str
    place: str
    status: str
    reason: str
    valid_from: datetime = Field(sa_type=Moment)
    valid_to: datetime = Field(sa_type=Moment)
    purpose: str
    operation: str
    case_ref: str | None
    paper_digest: str
    recorded_by: str
    recorded_at: datetime = Field(sa_type=Moment)
    confirmed_by: str | None
    authority: str | None = Field(foreign_key="authorities.name")


@dataclass(frozen=True, slots=True)
class Paper:
    """What is read off the paper. `paper_digest` is the SHA-256 of the document, which stays with the client."""

    client_id: str
    type: str
    issuer: str
    place: str
    valid_from: datetime
    valid_to: datetime
    purpose: str
    operation: str
    paper_digest: str
    case_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Authorisation:
    """A recorded paper as it stands; `authority` is who countersigned it, if anyone did."""

    id: str
    paper: Paper
    status: str
    recorded_by: str
    confirmed_by: str | None = None
    authority: str | None = None
    reason: str = field(default="")

    def to_json(self) -> dict[str, Any]:
        """The paper as the rules see it."""
        paper = self.paper
        members = {"type": paper.type, "issuer": paper.issuer, "place": paper.place, "status": self.status, "purpose": paper.purpose}
        members |= {"operation": paper.operation, "valid_from": iso(paper.valid_from), "valid_to": iso(paper.valid_to)}
        return members if paper.case_ref is None else members | {"case_ref": paper.case_ref}

    def statement(self) -> dict[str, Any]:
        """What an authority signs to countersign: every fact of the paper, and whose client it is."""
        return {**self.to_json(), "status": "granted", "client": self.paper.client_id, "paper_digest": self.paper.paper_digest}


@dataclass(frozen=True, slots=True)
class Invocation:
    """The use that a client wants to make of a paper."""

    client_id: str
    case_ref: str | None
    place: str
    purpose: str
    operation: str


class Authorisations:
    """The register of papers."""

    def __init__(self, database: Database, clock: Clock, words: Words, foreign_seal: ForeignSeal) -> None:
        self._database = database
        self._clock = clock
        self._words = words
        self._open = foreign_seal

    def record(self, paper: Paper, by: str) -> Authorisation:
        """Record what a person read off a paper. It does not count until another person confirms it."""
        begins, ends = fields.term(paper.valid_from, paper.valid_to)
        row = AuthorisationRow(
            id=f"auth-{secrets.token_hex(16)}",  # not to be guessed: an id names a paper without saying whose
            client_id=paper.client_id,
            type=fields.word("type", paper.type, self._words.authorisation_types),
            issuer=fields.identifier("issuer", paper.issuer),
            place=fields.place("place", paper.place),
            status="requested",
            reason="",
            valid_from=begins,
            valid_to=ends,
            purpose=fields.word("purpose", paper.purpose, self._words.purposes),
            operation=fields.word("operation", paper.operation, self._words.operations),
            case_ref=None if paper.case_ref is None else fields.reference("case_ref", paper.case_ref),
            paper_digest=fields.digest("paper_digest", paper.paper_digest),
            recorded_by=by,
            recorded_at=self._clock.now(),
            confirmed_by=None,
            authority=None,
        )
        with self._database.writing() as session:
            if session.get(ClientRow, row.client_id) is None:
                raise NotOnRecord("client")
            _one_paper_one_case(session, row)
            session.add(row)
        return authorisation_of(row)

    def confirm(self, authorisation_id: str, by: str) -> Authorisation:
        """Let the paper count. Raises SamePerson for the one who recorded it."""
        with self._database.writing() as session:
            row = _in_status(session, authorisation_id, {"requested"}, "granted")
            if row.recorded_by == by:
                raise SamePerson("Confirming a paper")
            row.status, row.confirmed_by = "granted", by
        return authorisation_of(row)

    def countersign(self, authorisation_id: str, authority: str, sealed: str) -> Authorisation:
        """Take the issuing authority's own signature over `statement()`; it stands beside the two people, not in their place.

        Raises Malformed if the seal is broken or says anything else than the record."""
        with self._database.writing() as session:
            row = _row(session, authorisation_id)
            signer = session.get(AuthorityRow, authority)
            if signer is None:
                raise NotOnRecord("authority")
            if signer.kind != row.issuer or not inside(row.place, signer.place):
                raise Malformed("authority", "is of another kind, or of another place, than the issuer that the paper names.")
            if dict(self._open(sealed, authority_of(signer).key)) != authorisation_of(row).statement():
                raise Malformed("countersignature", "is over other facts than those on record; sign the statement exactly as it was given.")
            row.authority = authority
        return authorisation_of(row)

    def reject(self, authorisation_id: str, reason: str) -> Authorisation:
        """Note that the authority said no; what was done in urgency must stop."""
        return self._end(authorisation_id, {"requested"}, "rejected", reason)

    def revoke(self, authorisation_id: str, reason: str) -> Authorisation:
        """Note that the paper no longer stands, from the next request on."""
        return self._end(authorisation_id, {"requested", "granted"}, "revoked", reason)

    def get(self, authorisation_id: str, client_id: str | None = None) -> Authorisation:
        """Return one paper; with a client id, only if it is that client's. Otherwise NotOnRecord."""
        with self._database.reading() as session:
            row = _row(session, authorisation_id)
            if client_id not in (None, row.client_id):
                raise NotOnRecord("authorisation")
            return authorisation_of(row)

    def all(self, client_id: str | None = None) -> tuple[Authorisation, ...]:
        """Return every paper, or one client's, by the time of recording."""
        query = select(AuthorisationRow).order_by(col(AuthorisationRow.recorded_at), AuthorisationRow.id)
        if client_id is not None:
            query = query.where(col(AuthorisationRow.client_id) == client_id)
        with self._database.reading() as session:
            return tuple(authorisation_of(row) for row in session.exec(query))

    def _end(self, authorisation_id: str, allowed: set[str], status: str, reason: str) -> Authorisation:
        reason = fields.text("reason", reason)
        with self._database.writing() as session:
            row = _in_status(session, authorisation_id, allowed, status)
            row.status, row.reason = status, reason
        return authorisation_of(row)


def check(authorisation: Authorisation, use: Invocation, at: datetime) -> None:
    """Return if the paper authorises that use now; otherwise raise AuthorisationRefused, whose code says what does not fit."""
    paper = authorisation.paper
    misfits = {
        "other-client": paper.client_id != use.client_id,
        authorisation.status: authorisation.status != "granted",
        "not-yet-valid": at < paper.valid_from,
        "ended": at >= paper.valid_to,
        "other-case": paper.case_ref is not None and paper.case_ref != use.case_ref,
        "other-place": not inside(use.place, paper.place),
        "other-purpose": paper.purpose != use.purpose,
        "other-operation": paper.operation != use.operation,
    }
    for misfit, found in misfits.items():
        if found:
            raise AuthorisationRefused(f"The authorisation `{authorisation.id}` {MISFITS[misfit]}.", code=f"authorisation-{misfit}")


MISFITS: Mapping[str, str] = {
    "other-client": "was issued to another client; only that client may use it",
    "granted": "stands",
    "requested": "is not confirmed yet; a second person must confirm what was recorded",
    "rejected": "was rejected by the authority; stop, and delete what was obtained",
    "revoked": "was revoked; obtain a new one",
    "not-yet-valid": "is not in force yet; wait for its beginning",
    "ended": "has ended; obtain a new one",
    "other-case": "is for another case; obtain one for this case",
    "other-place": "is for another place; obtain one for the place of use",
    "other-purpose": "is for another purpose; state the purpose that it names, if that is the true one",
    "other-operation": "is for another operation; obtain one for this operation",
}


def authorisation_of(row: AuthorisationRow) -> Authorisation:
    """Turn a row into the value that the rest of the gateway sees."""
    paper = Paper(
        client_id=row.client_id,
        type=row.type,
        issuer=row.issuer,
        place=row.place,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        purpose=row.purpose,
        operation=row.operation,
        paper_digest=row.paper_digest,
        case_ref=row.case_ref,
    )
    return Authorisation(row.id, paper, row.status, row.recorded_by, row.confirmed_by, row.authority, row.reason)


def _one_paper_one_case(session: Session, row: AuthorisationRow) -> None:
    # A paper may name several purposes or operations, never several cases: else one warrant could be entered for case after case.
    same = select(AuthorisationRow).where(col(AuthorisationRow.paper_digest) == row.paper_digest)
    for known in session.exec(same.where(col(AuthorisationRow.status).in_(("requested", "granted")))):
        elsewhere = (known.client_id, known.case_ref) != (row.client_id, row.case_ref)
        if elsewhere or (known.purpose, known.operation) == (row.purpose, row.operation):
            raise AlreadyOnRecord("authorisation with this paper's digest", row.paper_digest)


def _row(session: Session, authorisation_id: str) -> AuthorisationRow:
    row = session.get(AuthorisationRow, authorisation_id)
    if row is None:
        raise NotOnRecord("authorisation")
    return row


def _in_status(session: Session, authorisation_id: str, allowed: set[str], status: str) -> AuthorisationRow:
    row = _row(session, authorisation_id)
    if row.status not in allowed:
        raise StateForbids(f"The authorisation `{authorisation_id}` is {row.status}; it cannot become {status} from there.")
    return row
