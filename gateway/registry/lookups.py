"""Answer what every request asks of the registry, from memory, and never from stale memory. Writes nothing and decides nothing.

`Lookups.now()` asks the database one cheap question (did anything change?) and returns a View. A View keeps what it has read,
the absent included, until the table it came from changes, in whichever process; so a suspension acts on the very next request,
and a request that meets nothing new costs no query."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TypeVar, cast

from sqlmodel import Session, col, select

from gateway.registry.authorisations import Authorisation, AuthorisationRow, authorisation_of
from gateway.registry.cases import Case, CaseRow, case_of
from gateway.registry.clients import Client, ClientRow, client_of
from gateway.registry.coverage import reaches
from gateway.registry.duties import OPEN, Duty, DutyRow, duty_of
from gateway.registry.errors import NotOnRecord
from gateway.registry.evidence import Evidence, EvidenceRow, evidence_of
from gateway.registry.fields import Words
from gateway.registry.galleries import Gallery, GalleryRow, gallery_of
from gateway.registry.identities import Identity, IdentityRow
from gateway.registry.issuers import IssuerRecord, IssuerRow, issuer_of
from gateway.registry.licences import Licence, LicenceRow, load_licence
from gateway.registry.restrictions import STANDING, RestrictionRow
from gateway.registry.revocations import RevokedTokenRow
from gateway.registry.rulebook import LIVE, LiveRow
from gateway.registry.seals import DocumentSeal
from gateway.registry.staff import StaffMember, StaffRow, staff_of
from gateway.registry.trainings import Training, TrainingRow, trained, training_of
from gateway.store.sessions import Database

MOST_KEPT = 20_000  # entries of one table; absent things are kept too, so a guesser could otherwise fill the memory

T = TypeVar("T")
Shelf = dict[Hashable, object]


@dataclass(frozen=True, slots=True)
class View:
    """The registry as of one moment. Ask a new one for each request, and once more before something irreversible.

    Every lookup takes the client; NotOnRecord is the same for what is absent and for what is another's."""

    version: int
    counts: dict[str, int]
    database: Database = field(repr=False)
    words: Words = field(repr=False)
    seal: DocumentSeal = field(repr=False)
    shelves: dict[str, Shelf] = field(repr=False)

    def client(self, client_id: str) -> Client:
        """Return a client, whatever its state, or raise NotOnRecord."""
        return self._found("client", self._read("clients", client_id, lambda s: _map(s.get(ClientRow, client_id), client_of)))

    def identity(self, issuer: str, subject: str) -> Identity | None:
        """Return who stands behind a subject of the issuer of that name."""
        key = (issuer, subject)
        return self._read("identities", key, lambda s: _map(s.get(IdentityRow, key), lambda row: Identity(row.kind, row.holder)))

    def staff(self, staff_id: str) -> StaffMember:
        """Return a person, or raise NotOnRecord."""
        return self._found("person", self._read("staff", staff_id, lambda s: _map(s.get(StaffRow, staff_id), staff_of)))

    def reviewers(self) -> tuple[str, ...]:
        """Return the people who may look at results now, by id."""

        def read(session: Session) -> tuple[str, ...]:
            people = (staff_of(row) for row in session.exec(select(StaffRow).order_by(StaffRow.id)))
            return tuple(person.id for person in people if "reviewer" in person.roles and person.state == "active")

        return self._read("staff", ("role", "reviewer"), read)

    def trainings(self, person: str) -> tuple[Training, ...]:
        """Return a person's trainings in comparing faces, ended and withdrawn ones too."""
        return tuple(training for training in self._trainings() if training.person == person)

    def _trainings(self) -> tuple[Training, ...]:
        # The query is made only when it is asked: making it costs more than all else that a request asks of a warm shelf.
        def read(session: Session) -> tuple[Training, ...]:
            return tuple(training_of(row) for row in session.exec(select(TrainingRow).order_by(TrainingRow.id)))

        return self._read("trainings", "", read)

    def trained_reviewers(self, at: datetime) -> tuple[str, ...]:
        """Return those of the reviewers whose training counts at that moment, by id."""
        return tuple(person for person in self.reviewers() if trained(self.trainings(person), at))

    def issuers(self) -> tuple[IssuerRecord, ...]:
        """Return every trusted issuer."""
        return self._read("issuers", "", lambda s: tuple(issuer_of(row) for row in s.exec(select(IssuerRow))))

    def revoked(self, issuer: str, jti: str) -> bool:
        """Say whether that token was taken back."""
        # The whole list at once: asking token by token would cost a query for each new token.
        listed = self._read("revoked_tokens", "", lambda s: frozenset((row.issuer, row.jti) for row in s.exec(select(RevokedTokenRow))))
        return (issuer, jti) in listed

    def licences(self, client_id: str) -> tuple[Licence, ...]:
        """Return the client's licences, whatever their state, with those they derive from; the newest first."""

        def read(session: Session) -> tuple[Licence, ...]:
            query = select(LicenceRow).where(col(LicenceRow.client_id) == client_id)
            rows = session.exec(query.order_by(col(LicenceRow.applied_at).desc(), LicenceRow.id))
            return tuple(load_licence(session, row, self.seal, self.words) for row in rows)

        return self._read("licences", client_id, read)

    def case(self, client_id: str, reference: str) -> Case:
        """Return the client's case, whatever its state, or raise NotOnRecord."""
        key = (client_id, reference)
        return self._found("case", self._read("cases", key, lambda s: _map(s.get(CaseRow, key), case_of)))

    def authorisations(self, client_id: str, case_ref: str | None) -> tuple[Authorisation, ...]:
        """Return the client's papers for that case, and those for no case in particular, whatever their status."""
        return tuple(paper for paper in self.papers(client_id) if paper.paper.case_ref in (None, case_ref))

    def papers(self, client_id: str) -> tuple[Authorisation, ...]:
        """Return all papers of the client, whatever their case and status."""

        def read(session: Session) -> tuple[Authorisation, ...]:
            query = select(AuthorisationRow).where(col(AuthorisationRow.client_id) == client_id)
            return tuple(authorisation_of(row) for row in session.exec(query.order_by(AuthorisationRow.id)))

        return self._read("authorisations", client_id, read)

    def authorisation(self, authorisation_id: str) -> Authorisation:
        """Return a paper by its unguessable id, whosever it is: authorisations.check() says whether it may be used."""
        found = self._read(
            "authorisations", ("id", authorisation_id), lambda s: _map(s.get(AuthorisationRow, authorisation_id), authorisation_of)
        )
        return self._found("authorisation", found)

    def evidence(self, client_id: str) -> tuple[Evidence, ...]:
        """Return all that the client shows; evidence.shown() picks what counts now."""

        def read(session: Session) -> tuple[Evidence, ...]:
            query = select(EvidenceRow).where(col(EvidenceRow.client_id) == client_id, col(EvidenceRow.withdrawn).is_(False))
            return tuple(evidence_of(row) for row in session.exec(query.order_by(col(EvidenceRow.valid_from), EvidenceRow.id)))

        return self._read("evidence", client_id, read)

    def restricted_subjects(self, gallery_id: str) -> tuple[str, ...]:
        """Return the subjects of a gallery whose use is restricted now."""
        return tuple(sorted(subject for gallery, subject in self._restricted()[0] if gallery == gallery_id))

    def is_restricted_subject(self, gallery_id: str, subject: str) -> bool:
        """Say whether the use of a subject is restricted now."""
        return (gallery_id, subject) in self._restricted()[0]

    def is_restricted_case(self, client_id: str, reference: str) -> bool:
        """Say whether the use of what is held for a case is restricted now."""
        return (client_id, reference) in self._restricted()[1]

    def _restricted(self) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
        """Read every standing restriction at once: there are few, and each request asks."""

        def read(session: Session) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
            rows = session.exec(select(RestrictionRow).where(RestrictionRow.state == STANDING)).all()
            return (
                frozenset((str(row.gallery), str(row.subject)) for row in rows if row.about == "subject"),
                frozenset((row.client, str(row.case_ref)) for row in rows if row.about == "case"),
            )

        return self._read("restrictions", "", read)

    def gallery(self, client_id: str, gallery_id: str) -> Gallery:
        """Return a gallery that the client owns, or that one of its licences names; any other is as absent as none."""
        found = self._found("gallery", self._read("galleries", gallery_id, lambda s: _map(s.get(GalleryRow, gallery_id), gallery_of)))
        if found.owner != client_id and not any(reaches(licence, found) for licence in self.licences(client_id)):
            raise NotOnRecord("gallery")
        return found

    def duties(self, client_id: str) -> tuple[Duty, ...]:
        """Return the client's open duties."""

        def read(session: Session) -> tuple[Duty, ...]:
            query = select(DutyRow).where(col(DutyRow.client) == client_id, col(DutyRow.state).in_(OPEN))
            return tuple(duty_of(row) for row in session.exec(query.order_by(DutyRow.id)))

        return self._read("duties", client_id, read)

    def live_rulebook(self) -> str | None:
        """Return the digest of the live rulebook."""
        return self._read("rulebook_pointer", "", lambda s: _map(s.get(LiveRow, LIVE), lambda row: row.digest))

    def _read(self, noun: str, key: Hashable, read: Callable[[Session], T]) -> T:
        shelf = self.shelves[noun]
        try:
            return cast("T", shelf[key])
        except KeyError:
            pass
        with self.database.reading() as session:
            value = read(session)
        if len(shelf) >= MOST_KEPT:
            shelf.clear()
        shelf[key] = value
        return value

    @staticmethod
    def _found(noun: str, value: T | None) -> T:
        if value is None:
            raise NotOnRecord(noun)
        return value


class Lookups:
    """The fast way into the registry. Safe to use from any thread; raises StoreUnavailable when the database does not answer."""

    def __init__(self, database: Database, words: Words, seal: DocumentSeal) -> None:
        self._database = database
        self._words = words
        self._seal = seal
        self._changes = database.changes()
        self._lock = Lock()
        self._view: View | None = None

    def now(self) -> View:
        """Return the registry as it stands, asking the database whether anything was committed since."""
        # 1. The version is read before the counters, and both before any row: what is kept is never older than its mark.
        version = self._changes.version()
        view = self._view
        if view is not None and view.version == version:
            return view
        with self._lock:
            # 2. Something was committed somewhere: only the tables whose counters moved are forgotten.
            counts = dict(self._changes.counts())
            old = self._view
            shelves = {
                noun: old.shelves[noun] if old is not None and old.counts.get(noun) == count else {} for noun, count in counts.items()
            }
            # 3. A forgotten table gets a new shelf: a reader still holding the old view fills the old one, which nobody asks again.
            self._view = View(version, counts, self._database, self._words, self._seal, shelves)
            return self._view

    def close(self) -> None:
        """Stop watching the database."""
        self._changes.close()


def _map(row: object, value_of: Callable[..., T]) -> T | None:
    return None if row is None else value_of(row)
