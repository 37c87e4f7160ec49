"""Keep what each client is licensed for, as documents sealed with the registrar's key. Decides no request and knows no rule.

The sealed document says what is allowed; the row only says whether that stands. Who can edit the row but not sign can therefore
take a licence away, never widen one."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, or_, select

from gateway.clock import Clock, iso
from gateway.registry import fields
from gateway.registry.acknowledgements import Promises, shipped
from gateway.registry.clients import ClientRow
from gateway.registry.errors import Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.fields import Words
from gateway.registry.galleries import GalleryRow
from gateway.registry.seals import DocumentSeal
from gateway.registry.terms import NOTHING, Terms
from gateway.store.columns import Moment
from gateway.store.sessions import Database

DEEPEST = 4  # sub-licences of sub-licences: each is checked and charged up to the first


class LicenceRow(SQLModel, table=True):
    """One licence; `state` is applied, granted, suspended or revoked (expired follows from the term)."""

    __tablename__ = "licences"

    id: str = Field(primary_key=True, max_length=63)
    client_id: str = Field(foreign_key="clients.id", index=True)
    parent_id: str | None = Field(foreign_key="licences.id")
    state: str
    reason: str
    terms: dict[str, Any] = Field(sa_type=JSON)
    acknowledgements: list[Any] = Field(sa_type=JSON)  # before there were editions: names alone
    document: str | None
    applied_by: str
    applied_at: datetime = Field(sa_type=Moment)
    granted_by: str | None


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence as it stands. `holders` are this licence and those it was derived from, which all pay for its use.

    `acknowledged` is what its application promised: by whom, when, and each text by its digest; None where only the seal is read."""

    id: str
    client_id: str
    state: str
    terms: Terms
    reason: str = ""
    document: str | None = None
    parent: "Licence | None" = None
    acknowledged: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def document_digest(self) -> str | None:
        """SHA-256 of the sealed document, in hex; None before the grant."""
        return None if self.document is None else hashlib.sha256(self.document.encode()).hexdigest()

    def sealed(self) -> str:
        """Return the sealed document (a compact JWS), as it was granted. Raises StateForbids before that."""
        if self.document is None:
            raise StateForbids(f"The licence `{self.id}` is {self.state}: no document was ever sealed for it.")
        return self.document

    @property
    def holders(self) -> tuple["Licence", ...]:
        """The licence itself, then the one it was derived from, up to the first."""
        return (self, *(self.parent.holders if self.parent else ()))

    def state_at(self, at: datetime) -> str:
        """Say applied, granted, not-yet-valid, suspended, revoked, expired or damaged; what stops a parent stops its sub-licences."""
        if self.state != "granted":
            return self.state
        if at < self.terms.valid_from:
            return "not-yet-valid"
        if at >= self.terms.valid_to:
            return "expired"
        return self.parent.state_at(at) if self.parent else "granted"


class Licences:
    """The register of licences."""

    def __init__(self, database: Database, clock: Clock, words: Words, seal: DocumentSeal, promises: Promises | None = None) -> None:
        self._database = database
        self._clock = clock
        self._words = words
        self._seal = seal
        self.promises = promises or shipped()

    def apply(self, client_id: str, terms: Terms, acknowledgements: Sequence[str], by: str) -> Licence:
        """Record an application. Each promise that is asked of such a client for such grants must be given; Malformed names what is not.

        Raises NotOnRecord, or StateForbids for a client that is suspended or closed."""
        with self._database.writing() as session:
            kind = _must_be_active(session, client_id)
            given = self.promises.accept(acknowledgements, kind, terms.grants)
            row = self._new_row(client_id, None, terms, given, by)
            session.add(row)
        return self._of(row, None)

    def grant(self, licence_id: str, by: str) -> Licence:
        """Seal an application into a licence. Raises SamePerson when the one who applied would grant.

        Raises StateForbids for what is no application, has ended by now, or is for a client that is suspended or closed."""
        with self._database.writing() as session:
            row = _in_state(session, licence_id, {"applied"}, "granted")
            if row.applied_by == by:
                raise SamePerson("Granting a licence")
            _must_be_active(session, row.client_id)
            if Terms.from_json(row.terms, self._words).valid_to <= self._clock.now():
                raise StateForbids(f"The term that `{licence_id}` applies for has ended; apply for another.")
            self._seal_row(row, by)
        return self._of(row, None)

    def sublicense(self, holder: str, parent_id: str, client_id: str, terms: Terms, acknowledgements: Sequence[str]) -> Licence:
        """Let the holder of a licence pass a part of it on to another client.

        Raises NotOnRecord (not the holder's), StateForbids (the parent does not stand or forbids it) or Malformed naming what is wider."""
        with self._database.writing() as session:
            parent_row = session.get(LicenceRow, parent_id)
            if parent_row is None or parent_row.client_id != holder:
                raise NotOnRecord("licence")
            if client_id == holder:
                raise NotOnRecord("client")
            _must_be_active(session, holder)
            kind = _must_be_active(session, client_id)
            parent = self._load(session, parent_row)
            self._check_narrower(session, terms, parent)
            given = self.promises.accept(acknowledgements, kind, terms.grants)
            row = self._new_row(client_id, parent_id, terms, given, f"client:{holder}")
            self._seal_row(row, f"client:{holder}")
            session.add(row)
        return self._of(row, parent)

    def suspend(self, licence_id: str, reason: str) -> Licence:
        """Stop a licence, and every sub-licence of it, from the next request on."""
        return self._move(licence_id, {"granted"}, "suspended", reason)

    def resume(self, licence_id: str, reason: str) -> Licence:
        """Let a suspended licence stand again."""
        return self._move(licence_id, {"suspended"}, "granted", reason)

    def revoke(self, licence_id: str, reason: str) -> Licence:
        """End a licence, or decline an application, for good."""
        return self._move(licence_id, {"applied", "granted", "suspended"}, "revoked", reason)

    def get(self, licence_id: str, client_id: str | None = None) -> Licence:
        """Return one licence; with a client id, only if that client holds it or passed it on. Otherwise NotOnRecord."""
        with self._database.reading() as session:
            row = session.get(LicenceRow, licence_id)
            if row is None:
                raise NotOnRecord("licence")
            above = session.get(LicenceRow, row.parent_id) if row.parent_id else None
            if client_id is not None and client_id not in (row.client_id, above.client_id if above else None):
                raise NotOnRecord("licence")
            return self._load(session, row)

    def all(self, client_id: str | None = None) -> tuple[Licence, ...]:
        """Return every licence, or those that one client holds or passed on; the newest last."""
        query = select(LicenceRow).order_by(LicenceRow.applied_at, LicenceRow.id)  # type: ignore[arg-type]  # a column, seen as its value
        if client_id is not None:
            own = select(LicenceRow.id).where(col(LicenceRow.client_id) == client_id)
            query = query.where(or_(col(LicenceRow.client_id) == client_id, col(LicenceRow.parent_id).in_(own)))
        with self._database.reading() as session:
            return tuple(self._load(session, row) for row in session.exec(query))

    def _check_narrower(self, session: Session, terms: Terms, parent: Licence) -> None:
        state = parent.state_at(self._clock.now())
        if state != "granted" or not parent.terms.may_sublicense or len(parent.holders) >= DEEPEST:
            raise StateForbids(f"The licence `{parent.id}` ({state}) cannot be passed on further; ask the registrar for one that may be.")
        owned = session.exec(select(GalleryRow.id).where(col(GalleryRow.owner) == parent.client_id)).all()
        wider = terms.wider_than(parent.terms, owned)
        if wider:
            raise Malformed(wider[0], f"goes beyond the licence it derives from (so do: {', '.join(wider)}); make it narrower or shorter.")

    def _new_row(self, client_id: str, parent_id: str | None, terms: Terms, given: list[dict[str, Any]], by: str) -> LicenceRow:
        checked = Terms.from_json(terms.to_json(), self._words)
        return LicenceRow(
            id=f"lic-{secrets.token_hex(8)}",
            client_id=client_id,
            parent_id=parent_id,
            state="applied",
            reason="",
            terms=checked.to_json(),
            acknowledgements=given,
            document=None,
            applied_by=by,
            applied_at=self._clock.now(),
            granted_by=None,
        )

    def _seal_row(self, row: LicenceRow, by: str) -> None:
        row.document = self._seal.seal(
            {
                "id": row.id,
                "client": row.client_id,
                "parent": row.parent_id,
                "terms": row.terms,
                "acknowledgements": row.acknowledgements,
                "applied_by": row.applied_by,
                "applied_at": iso(row.applied_at),
                "granted_by": by,
                "granted_at": iso(self._clock.now()),
            }
        )
        row.state, row.granted_by = "granted", by

    def _move(self, licence_id: str, allowed: set[str], state: str, reason: str) -> Licence:
        reason = fields.text("reason", reason)
        with self._database.writing() as session:
            row = _in_state(session, licence_id, allowed, state)
            row.state, row.reason = state, reason
            return self._load(session, row)

    def _load(self, session: Session, row: LicenceRow) -> Licence:
        return load_licence(session, row, self._seal, self._words)

    def _of(self, row: LicenceRow, parent: Licence | None) -> Licence:
        return licence_of(row, parent, self._seal, self._words)


def load_licence(session: Session, row: LicenceRow, seal: DocumentSeal, words: Words, depth: int = DEEPEST) -> Licence:
    """Read a licence with those it derives from, each from its sealed document."""
    above = session.get(LicenceRow, row.parent_id) if row.parent_id else None
    if row.parent_id and (above is None or depth <= 1):
        return _damaged(row, None)
    return licence_of(row, load_licence(session, above, seal, words, depth - 1) if above else None, seal, words)


def licence_of(row: LicenceRow, parent: Licence | None, seal: DocumentSeal, words: Words) -> Licence:
    """Read one licence. What its sealed document does not bear out is `damaged`, and allows nothing."""
    try:
        if row.document is None and row.state in {"applied", "revoked"}:
            return Licence(row.id, row.client_id, row.state, Terms.from_json(row.terms, words), row.reason, None, parent, _said(row))
        document = seal.open(row.document or "")
        terms = Terms.from_json(document.get("terms"), words)
    except Malformed:
        return _damaged(row, parent)
    if (document.get("id"), document.get("client"), document.get("parent")) != (row.id, row.client_id, row.parent_id):
        return _damaged(row, parent)
    return Licence(row.id, row.client_id, row.state, terms, row.reason, row.document, parent, _said(row))


def _said(row: LicenceRow) -> dict[str, Any]:
    texts = [text if isinstance(text, dict) else {"name": text} for text in row.acknowledgements]
    return {"by": row.applied_by, "at": iso(row.applied_at), "texts": texts}


def _damaged(row: LicenceRow, parent: Licence | None) -> Licence:
    return Licence(row.id, row.client_id, "damaged", NOTHING, row.reason, row.document, parent)


def _in_state(session: Session, licence_id: str, allowed: set[str], state: str) -> LicenceRow:
    row = session.get(LicenceRow, licence_id)
    if row is None:
        raise NotOnRecord("licence")
    if row.state not in allowed:
        raise StateForbids(f"The licence `{licence_id}` is {row.state}; it cannot become {state} from there.")
    return row


def _must_be_active(session: Session, client_id: str) -> str:
    """Return the client's kind. Raises NotOnRecord or StateForbids."""
    client = session.get(ClientRow, client_id)
    if client is None:
        raise NotOnRecord("client")
    if client.state != "active":
        raise StateForbids(f"The client `{client_id}` is {client.state}; nothing is licensed to it until the registrar changes that.")
    return client.kind
