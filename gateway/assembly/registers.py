"""Open the registers of a home, and name who may change them. Starts nothing, and knows no request."""

from dataclasses import dataclass
from typing import Final

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.enforcement.desks import Desks
from gateway.enforcement.desks.clients import ClientDesk
from gateway.enforcement.desks.licences import LicenceDesk
from gateway.enforcement.desks.papers import CaseDesk, EvidenceDesk, PaperDesk
from gateway.enforcement.desks.people import PeopleDesk
from gateway.enforcement.desks.trainings import TrainingDesk
from gateway.enforcement.desks.trust import TrustDesk
from gateway.enforcement.galleries import GalleryRecordDesk
from gateway.enforcement.registrar import Registrar
from gateway.enforcement.takings import Registers, takings
from gateway.enforcement.unsettled import UnsettledChanges
from gateway.identity.issuer import OLD_KEYS_KEPT, BuiltInIssuer
from gateway.identity.keyring import Keyring
from gateway.identity.seals import RegistrarSeal, open_statement
from gateway.registry.authorisations import Authorisations
from gateway.registry.authorities import Authorities
from gateway.registry.cases import Cases
from gateway.registry.clients import Clients
from gateway.registry.drafts import Drafts
from gateway.registry.duties import Duties
from gateway.registry.evidence import EvidenceRegister
from gateway.registry.fields import Words
from gateway.registry.galleries import Galleries
from gateway.registry.identities import Identities
from gateway.registry.issuers import Issuers
from gateway.registry.licences import Licences
from gateway.registry.lookups import Lookups
from gateway.registry.notices import Notices
from gateway.registry.restrictions import Restrictions
from gateway.registry.revocations import Revocations
from gateway.registry.rulebook import Rulebooks
from gateway.registry.signins import Signins
from gateway.registry.staff import Staff
from gateway.registry.trainings import Trainings
from gateway.registry.webhooks import Webhooks
from gateway.settings import Settings
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database
from policies.rulebook import build
from policies.vocabulary import Vocabulary

FIRST_PACKS: Final = ("baseline",)


@dataclass(frozen=True, slots=True)
class Registry:
    """The registers of one home; enough for the command line, and a part of the running service."""

    database: Database
    lookups: Lookups
    words: Words
    seal: RegistrarSeal
    clients: Clients
    licences: Licences
    cases: Cases
    authorities: Authorities
    authorisations: Authorisations
    evidence: EvidenceRegister
    duties: Duties
    galleries: Galleries
    rulebooks: Rulebooks
    drafts: Drafts
    staff: Staff
    trainings: Trainings
    issuers: Issuers
    identities: Identities
    revocations: Revocations
    signins: Signins
    issuer: BuiltInIssuer
    webhooks: Webhooks
    restrictions: Restrictions
    notices: Notices

    def close(self) -> None:
        """Let go of the database."""
        self.lookups.close()
        self.database.close()


def open_registry(settings: Settings, clock: Clock) -> Registry:
    """Open the registers of the home, migrated, with a live rulebook: at the first start, the baseline."""
    home = settings.home
    home.make()
    upgrade(home)
    known = _known_words()
    database = Database.open(home.registry)
    seal = RegistrarSeal(Keyring(home.keys / "registrar", clock, kept=None))
    lookups = Lookups(database, known, seal)
    rulebooks = Rulebooks(database, clock)
    if lookups.now().live_rulebook() is None:
        rulebooks.install(build(FIRST_PACKS).text())
    issuer_keys = Keyring(home.keys / "issuer", clock, kept=OLD_KEYS_KEPT)
    revocations = Revocations(database, clock)
    return Registry(
        database=database,
        lookups=lookups,
        words=known,
        seal=seal,
        clients=Clients(database, clock, known),
        licences=Licences(database, clock, known, seal),
        cases=Cases(database, clock, known),
        authorities=Authorities(database),
        authorisations=Authorisations(database, clock, known, open_statement),
        evidence=EvidenceRegister(database, known),
        duties=Duties(database),
        galleries=Galleries(database, clock, known),
        rulebooks=rulebooks,
        drafts=Drafts(database, clock, rulebooks),
        staff=Staff(database, clock),
        trainings=Trainings(database),
        issuers=Issuers(database),
        identities=Identities(database),
        revocations=revocations,
        issuer=BuiltInIssuer(settings.url, issuer_keys, lookups, revocations, clock),
        signins=Signins(database, clock),
        webhooks=Webhooks(database),
        restrictions=Restrictions(database),
        notices=Notices(database),
    )


def _known_words() -> Words:
    words = Vocabulary.shipped()
    return Words(
        client_kinds=frozenset(words.clients),
        purposes=frozenset(words.purposes),
        operations=frozenset(words.operations),
        authorisation_types=frozenset(words.authorisations),
        provenances=words.words("provenance"),
        target_kinds=words.words("target"),
    )


def open_registrar(settings: Settings, clock: Clock, registry: Registry, log: AuditLog) -> Registrar:
    """Return the one who changes that registry, with every change in that log."""
    taking = takings(
        Registers(
            clients=registry.clients,
            staff=registry.staff,
            drafts=registry.drafts,
            cases=registry.cases,
            licences=registry.licences,
            authorisations=registry.authorisations,
            evidence=registry.evidence,
            galleries=registry.galleries,
            issuers=registry.issuers,
            identities=registry.identities,
            revocations=registry.revocations,
            webhooks=registry.webhooks,
            trainings=registry.trainings,
            restrictions=registry.restrictions,
            clock=clock,
        )
    )
    return Registrar(registry.database, registry.staff, registry.clients, log, clock, UnsettledChanges(settings.home.unsettled), taking)


def desks_of(registry: Registry, registrar: Registrar) -> Desks:
    """Return the desks at which that registry is changed."""
    return Desks(
        clients=ClientDesk(registrar, registry.clients),
        people=PeopleDesk(registrar, registry.staff, registry.identities),
        trainings=TrainingDesk(registrar, registry.trainings),
        cases=CaseDesk(registrar, registry.cases),
        papers=PaperDesk(registrar, registry.authorisations, registry.authorities),
        evidence=EvidenceDesk(registrar, registry.evidence),
        galleries=GalleryRecordDesk(registrar, registry.galleries),
        licences=LicenceDesk(
            registrar, registry.licences, registry.words, {name: purpose.dpv for name, purpose in Vocabulary.shipped().purposes.items()}
        ),
        trust=TrustDesk(registrar, registry.issuers, registry.identities, registry.clients, registry.staff, registry.issuer),
    )
