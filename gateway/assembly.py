"""Put the house together: the one place that names concrete classes. Starts what must run, in order, and stops it in reverse.

Long because it is the one place: each part that is built anywhere is built, and named, here."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries as TemplateGalleries
from engine.orders import LocalSeal
from engine.workers.plan import Limits, WorkerPlan
from engine.workers.pool import Workers
from gateway.audit.log import AuditLog
from gateway.clock import Clock, SystemClock
from gateway.custody.files import write_new
from gateway.custody.opening import open_home_log
from gateway.enforcement import fitness
from gateway.enforcement.alarms import Alarms
from gateway.enforcement.bench import Bench, live_by_the_log, name_the_rulebook
from gateway.enforcement.boots import beginning, beginning_alone, boot, forget_the_dead, is_running
from gateway.enforcement.conduct import Conduct, Wires
from gateway.enforcement.desks import Desks
from gateway.enforcement.desks.clients import ClientDesk
from gateway.enforcement.desks.licences import LicenceDesk
from gateway.enforcement.desks.papers import CaseDesk, EvidenceDesk, PaperDesk
from gateway.enforcement.desks.people import PeopleDesk
from gateway.enforcement.desks.rulebooks import RulebookDesk
from gateway.enforcement.desks.trust import TrustDesk
from gateway.enforcement.dialect import Dialect
from gateway.enforcement.duties.desk import DutyDesk
from gateway.enforcement.duties.scheduler import Scheduler, look_after
from gateway.enforcement.duties.shredding import Shredder
from gateway.enforcement.erasure import Eraser
from gateway.enforcement.evaluations import Evaluator
from gateway.enforcement.execution import Execution
from gateway.enforcement.facts import FactsBook
from gateway.enforcement.fitness import EvaluationGate, Evaluations
from gateway.enforcement.galleries import GalleryDesk, GalleryRecordDesk
from gateway.enforcement.heartbeat import beat
from gateway.enforcement.housekeeping import keep_tidy
from gateway.enforcement.journal import Journal
from gateway.enforcement.keeping import Keeping
from gateway.enforcement.persons import PersonDesk
from gateway.enforcement.pipeline import Pipeline
from gateway.enforcement.readiness import Readiness
from gateway.enforcement.registrar import Registrar, keep_settled
from gateway.enforcement.repeats import Repeats
from gateway.enforcement.reporting import Reports
from gateway.enforcement.takings import Registers, takings
from gateway.enforcement.unsettled import UnsettledChanges
from gateway.enforcement.waiting import WaitingRoom
from gateway.identity.callers import Callers
from gateway.identity.fetching import Fetcher
from gateway.identity.issuer import OLD_KEYS_KEPT, BuiltInIssuer
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.keyring import Keyring
from gateway.identity.relying_party import RelyingParty
from gateway.identity.seals import RegistrarSeal, open_statement
from gateway.identity.tokens import TokenVerifier
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.records.explorer import Explorer
from gateway.registry.authorisations import Authorisations
from gateway.registry.authorities import Authorities
from gateway.registry.cases import Cases
from gateway.registry.clients import Clients
from gateway.registry.conduct import ConductBook
from gateway.registry.drafts import Drafts
from gateway.registry.duties import Duties
from gateway.registry.evidence import EvidenceRegister
from gateway.registry.fields import Words
from gateway.registry.forgetting import Forgetting
from gateway.registry.galleries import Galleries
from gateway.registry.idempotency import IdempotencyKeys
from gateway.registry.identities import Identities
from gateway.registry.issuers import Issuers
from gateway.registry.licences import Licences
from gateway.registry.lookups import Lookups
from gateway.registry.quotas import Quotas
from gateway.registry.revocations import Revocations
from gateway.registry.rulebook import Rulebooks
from gateway.registry.signins import Signins
from gateway.registry.staff import Staff
from gateway.registry.timekeeping import Timekeeping
from gateway.review.queue import Queue
from gateway.review.vault import Vault
from gateway.settings import Home, Settings
from gateway.store.leases import Lease
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database
from gateway.witnessing.anchoring import Anchoring, read_authority
from gateway.witnessing.cosigning import Cosigning
from gateway.witnessing.policy import read_policy
from gateway.witnessing.posting import Poster
from policies.rulebook import build
from policies.vocabulary import Vocabulary

SWEEP_SECONDS: Final = 60.0
FIRST_PACKS: Final = ("baseline",)
LEASE_SECONDS: Final = 60
WITNESS_DEADLINE_SECONDS: Final = 5.0


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
    issuers: Issuers
    identities: Identities
    revocations: Revocations
    signins: Signins
    issuer: BuiltInIssuer

    def close(self) -> None:
        """Let go of the database."""
        self.lookups.close()
        self.database.close()


@dataclass(frozen=True, slots=True)
class Assembly:
    """The running service, as the doors see it."""

    settings: Settings
    clock: Clock
    registry: Registry
    registrar: Registrar
    desks: Desks
    eraser: Eraser
    callers: Callers
    log: AuditLog
    explorer: Explorer
    journal: Journal
    bench: Bench
    pipeline: Pipeline
    evaluator: Evaluator
    dialect: Dialect
    waiting: WaitingRoom
    duties: DutyDesk
    scheduler: Scheduler
    rulebook_desk: RulebookDesk
    reports: Reports
    gallery_desk: GalleryDesk
    person_desk: PersonDesk
    keeping: Keeping
    readiness: Readiness
    fetcher: Fetcher
    relying_party: RelyingParty | None
    cosigning: Cosigning

    @property
    def verifier_key(self) -> str:
        """The log's public key, as strangers need it."""
        return self.log.verifier_keys[0].text()


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
        issuers=Issuers(database),
        identities=Identities(database),
        revocations=revocations,
        issuer=BuiltInIssuer(settings.url, issuer_keys, lookups, revocations, clock),
        signins=Signins(database, clock),
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
        )
    )
    return Registrar(registry.database, registry.staff, registry.clients, log, clock, UnsettledChanges(settings.home.unsettled), taking)


def desks_of(registry: Registry, registrar: Registrar) -> Desks:
    """Return the desks at which that registry is changed."""
    return Desks(
        clients=ClientDesk(registrar, registry.clients),
        people=PeopleDesk(registrar, registry.staff, registry.identities),
        cases=CaseDesk(registrar, registry.cases),
        papers=PaperDesk(registrar, registry.authorisations, registry.authorities),
        evidence=EvidenceDesk(registrar, registry.evidence),
        galleries=GalleryRecordDesk(registrar, registry.galleries),
        licences=LicenceDesk(
            registrar, registry.licences, registry.words, {name: purpose.dpv for name, purpose in Vocabulary.shipped().purposes.items()}
        ),
        trust=TrustDesk(registrar, registry.issuers, registry.identities, registry.clients, registry.staff, registry.issuer),
    )


def open_rulebook_desk(settings: Settings, clock: Clock, registry: Registry, registrar: Registrar, bench: Bench) -> RulebookDesk:
    """Return the desk at which rulebooks are drafted, reported on, approved and made live."""
    return RulebookDesk(registrar, registry.rulebooks, registry.drafts, bench, settings.home.audit / "log.sqlite", clock)


@contextmanager
def changing(settings: Settings, clock: Clock) -> Iterator[tuple[Registry, Registrar]]:
    """Lend the registry and its registrar to a command, beside a running service or without one."""
    with ExitStack() as stack:
        registry = open_registry(settings, clock)
        stack.callback(registry.close)
        log = stack.enter_context(_log_begun(settings, clock))
        registrar = open_registrar(settings, clock, registry, log)
        registrar.settle()
        yield registry, registrar


@contextmanager
def journalling(settings: Settings, clock: Clock) -> Iterator[Journal]:
    """Lend the way into the log to a command, beside a running service or without one."""
    with _log_begun(settings, clock) as log, closing(open_explorer(settings, log)) as explorer:
        yield Journal(log, explorer, clock)


@contextmanager
def _log_begun(settings: Settings, clock: Clock) -> Iterator[AuditLog]:
    settings.home.make()
    with ExitStack() as stack:
        with beginning_alone(settings.home.boots):
            log = stack.enter_context(closing(open_log(settings)))
            if log.size == 0:
                log.append_blocking(_genesis(log, clock).body)
        yield log


def open_log(settings: Settings) -> AuditLog:
    """Open the audit log of the home with its own key, made at the first start."""
    settings.home.make()
    return open_home_log(settings)


def open_eraser(settings: Settings, clock: Clock, registry: Registry, log: AuditLog, explorer: Explorer) -> Eraser:
    """Return the way by which personal values leave the house."""
    queue, vault = Queue(registry.database, clock), Vault(settings.home.keys / "cases")
    return Eraser(log, explorer, Forgetting(registry.database), queue, vault, ConductBook(registry.database), clock)


def open_explorer(settings: Settings, log: AuditLog) -> Explorer:
    """Open the searchable index of the home's log, under a key that is made at the first start."""
    path = settings.home.keys / "explorer.key"
    if not path.exists():
        with suppress(FileExistsError):  # another process was first
            write_new(path, secrets.token_hex(32))
    return Explorer(settings.home.explorer, log, bytes.fromhex(path.read_text("ascii")))


@asynccontextmanager
async def assemble(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Assembly]:
    """Start the service and lend it; everything is stopped, and all that was asked for is written, when the block ends.

    1 registers; 2 log, and its first entry; 3 this run's name, what crashed runs left open, and the rulebook that decides;
    4 recogniser, the log's heartbeat and its witnesses, and the look for interrupted changes; 5 the request path."""
    clock = clock or SystemClock()
    policy, authority = read_policy(settings), read_authority(settings)
    async with AsyncExitStack() as stack:
        # 1
        registry = await asyncio.to_thread(open_registry, settings, clock)
        stack.callback(registry.close)
        boots = settings.home.boots
        async with beginning(boots):
            # 2 (opened in here: the log as another process left it that began just before)
            log = await asyncio.to_thread(open_log, settings)
            stack.callback(log.close)
            explorer = await asyncio.to_thread(open_explorer, settings, log)
            stack.callback(explorer.close)
            journal = Journal(log, explorer, clock)
            if log.size == 0:
                await journal.write(_genesis(log, clock))
            # 3
            run = stack.enter_context(boot(boots))
            left = await asyncio.to_thread(explorer.open_intents)
            await journal.abandon([intent for intent in left if not is_running(boots, intent.boot)], "crash")
            await name_the_rulebook(journal, clock, registry.lookups.now().live_rulebook())
            forget_the_dead(boots)
        registrar = open_registrar(settings, clock, registry, log)
        await asyncio.to_thread(registrar.settle)
        await asyncio.to_thread(open_eraser(settings, clock, registry, log, explorer).settle)
        # 4
        await fitness.begin(evaluations_of(settings.home), journal, clock)
        seal = LocalSeal.fresh()
        workers = await Workers.start(worker_plan(settings, run, seal))
        stack.push_async_callback(workers.close)
        stack.callback(asyncio.create_task(beat(journal, clock, settings.heartbeat_seconds, lambda: workers.calls, run)).cancel)
        stack.callback(asyncio.create_task(keep_settled(registrar)).cancel)
        keys = IdempotencyKeys(registry.database, clock, run, partial(is_running, boots))
        quotas = Quotas(registry.database)
        stack.callback(asyncio.create_task(keep_tidy(keys, quotas, clock)).cancel)
        post = Poster(WITNESS_DEADLINE_SECONDS)
        cosigning = await asyncio.to_thread(Cosigning, log, policy, post, clock)
        anchoring = Anchoring(log, journal.write, post, clock, authority)
        stack.callback(asyncio.create_task(anchoring.run(settings.anchor_seconds)).cancel)
        stack.callback(asyncio.create_task(cosigning.run(settings.witness_seconds)).cancel)
        # 5
        house = _with_request_path(
            settings, clock, registry, registrar, log, explorer, journal, workers, seal, run, keys, quotas, cosigning, anchoring
        )
        stack.callback(house.scheduler.lease.give_up)
        stack.callback(asyncio.create_task(look_after(house.scheduler, settings.duty_seconds)).cancel)
        stack.callback(asyncio.create_task(house.keeping.for_ever(SWEEP_SECONDS)).cancel)
        stack.push_async_callback(house.reports.close)
        yield house


def worker_plan(settings: Settings, run: str, seal: LocalSeal) -> WorkerPlan:
    """Return what the recogniser's processes are given."""
    home = settings.home
    return WorkerPlan(
        boot=run,
        check=seal,
        galleries=home.galleries,
        keys=home.keys / "galleries",
        models=home.models,
        count=settings.worker_count,
        queue=settings.worker_queue,
        calibration=settings.calibration,
        cohort=settings.cohort,
        limits=Limits(order_seconds=settings.order_seconds),
        sketch_key=sketch_key(home),
    )


def evaluations_of(home: Home) -> Evaluations:
    """Return the evaluations that this home keeps, and the key that signs them."""
    return Evaluations(home.evaluations, home.keys / "evaluations.key")


def sketch_key(home: Home) -> bytes:
    """Return the key under which probes are told to be alike; made at the first start."""
    path = home.keys / "sketch.key"
    with suppress(FileExistsError):
        if not path.exists():
            write_new(path, secrets.token_hex(32))
    return bytes.fromhex(path.read_text("ascii").strip())


def template_galleries(home: Home) -> TemplateGalleries:
    """Return the galleries' encrypted half."""
    return TemplateGalleries(home.galleries, KeyDirectory(home.keys / "galleries"))


def _with_request_path(
    settings: Settings,
    clock: Clock,
    registry: Registry,
    registrar: Registrar,
    log: AuditLog,
    explorer: Explorer,
    journal: Journal,
    workers: Workers,
    seal: LocalSeal,
    run: str,
    keys: IdempotencyKeys,
    quotas: Quotas,
    cosigning: Cosigning,
    anchoring: Anchoring,
) -> Assembly:
    fetcher = Fetcher()
    issuers = TrustedIssuers(registry.issuer, clock, fetcher)
    alarms = Alarms(log, clock)
    bench = Bench(registry.lookups, registry.rulebooks, alarms, partial(live_by_the_log, explorer))
    templates = template_galleries(settings.home)
    desks = desks_of(registry, registrar)
    # 1 what waits for people; 2 the way of a request; 3 what the doors are given
    # 1
    queue, vault = Queue(registry.database, clock), Vault(settings.home.keys / "cases")
    waiting = WaitingRoom(queue, vault, journal, bench, clock, cosigning.witnessed_at)
    time = Timekeeping(registry.database, clock)
    book = ConductBook(registry.database)
    duties = DutyDesk(registry.duties, registrar, time)
    scheduler = Scheduler(
        clock=clock,
        time=time,
        lease=Lease(registry.database, "duties", run, timedelta(seconds=LEASE_SECONDS)),
        duties=registry.duties,
        authorisations=registry.authorisations,
        cases=registry.cases,
        galleries=registry.galleries,
        registrar=registrar,
        shredder=Shredder(queue, vault, book, log, explorer, templates),
        log=log,
    )
    wires = Wires.read(settings.home.tripwires)
    conduct = Conduct(wires, book, vault, journal, registrar, clock, sketch_key(settings.home))
    # 2
    execution = Execution(run, clock, journal, waiting, templates, workers, seal, settings.order_seconds, duties, conduct)
    gate = EvaluationGate(evaluations_of(settings.home), workers, clock)
    facts = FactsBook(registry.lookups, clock, cosigning.witnessed_at, gate)
    repeats = Repeats(keys, vault, templates, journal, clock)
    pipeline = Pipeline(clock, facts, bench, quotas, journal, execution, repeats, duties, conduct)
    # 3
    rulebook_desk = open_rulebook_desk(settings, clock, registry, registrar, bench)
    return Assembly(
        settings=settings,
        clock=clock,
        registry=registry,
        registrar=registrar,
        desks=desks,
        eraser=open_eraser(settings, clock, registry, log, explorer),
        callers=Callers(issuers, TokenVerifier(issuers, clock)),
        log=log,
        explorer=explorer,
        journal=journal,
        bench=bench,
        pipeline=pipeline,
        evaluator=Evaluator(pipeline),
        dialect=Dialect.at(settings.home.dialect),
        waiting=waiting,
        duties=duties,
        scheduler=scheduler,
        gallery_desk=GalleryDesk(desks.galleries, registry.galleries, templates, journal, clock, workers.state().recogniser),
        person_desk=PersonDesk(registry.cases, templates, registrar, pipeline, workers.state().recogniser),
        keeping=Keeping(registry.cases, templates, journal, clock),
        readiness=Readiness(log, bench, alarms, workers, gate, cosigning.report, anchoring.report),
        fetcher=fetcher,
        relying_party=RelyingParty.registered(settings, issuers, fetcher, clock),
        cosigning=cosigning,
        rulebook_desk=rulebook_desk,
        reports=Reports(rulebook_desk),
    )


def _genesis(log: AuditLog, clock: Clock) -> Record:
    return entries.note("genesis", at=clock.now(), more={"origin": log.origin})
