"""Join the parts through which a request goes, and hold what the doors are given. Starts nothing, and opens nothing that must be closed."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from engine.orders import LocalSeal
from engine.workers.pool import Workers
from gateway.assembly.commands import open_rulebook_desk
from gateway.assembly.homes import endings_of, evaluations_of, open_eraser, sketch_key, tags_of, template_galleries
from gateway.assembly.registers import Registry, desks_of
from gateway.assembly.webhooks import open_webhooks
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.enforcement.alarms import Alarms
from gateway.enforcement.bench import Bench, live_by_the_log
from gateway.enforcement.conduct import Conduct, Wires
from gateway.enforcement.desks import Desks
from gateway.enforcement.desks.rulebooks import RulebookDesk
from gateway.enforcement.dialect import Dialect
from gateway.enforcement.duties.desk import DutyDesk
from gateway.enforcement.duties.endings import Endings, Watch
from gateway.enforcement.duties.scheduler import Scheduler
from gateway.enforcement.duties.shredding import Shredder
from gateway.enforcement.erasure import Eraser
from gateway.enforcement.evaluations import Evaluator
from gateway.enforcement.execution import Execution
from gateway.enforcement.facts import FactsBook
from gateway.enforcement.fitness import EvaluationGate
from gateway.enforcement.galleries import GalleryDesk
from gateway.enforcement.journal import Journal
from gateway.enforcement.keeping import Keeping
from gateway.enforcement.looking import Looking
from gateway.enforcement.mixing import Mixing
from gateway.enforcement.ombudsman import Ombudsman
from gateway.enforcement.persons import PersonDesk
from gateway.enforcement.pipeline import Pipeline
from gateway.enforcement.readiness import Readiness
from gateway.enforcement.registrar import Registrar
from gateway.enforcement.repeats import Repeats
from gateway.enforcement.reporting import Reports
from gateway.enforcement.restrictions import RestrictedResults, RestrictionDesk
from gateway.enforcement.reviewing import ReviewDesk
from gateway.enforcement.waiting import WaitingRoom
from gateway.enforcement.webhooks.courier import Courier
from gateway.enforcement.webhooks.desk import WebhookDesk
from gateway.identity.callers import Callers
from gateway.identity.fetching import Fetcher
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.relying_party import RelyingParty
from gateway.identity.tokens import TokenVerifier
from gateway.records.explorer import Explorer
from gateway.registry.conduct import ConductBook
from gateway.registry.idempotency import IdempotencyKeys
from gateway.registry.quotas import Quotas
from gateway.registry.timekeeping import Timekeeping
from gateway.review.calibration import Pairs
from gateway.review.queue import Queue
from gateway.review.vault import Vault
from gateway.settings import Settings
from gateway.store.leases import Lease
from gateway.witnessing.anchoring import Anchoring
from gateway.witnessing.cosigning import Cosigning

LEASE_SECONDS: Final = 60


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
    reviews: ReviewDesk
    duties: DutyDesk
    scheduler: Scheduler
    endings: Endings
    courier: Courier
    webhook_desk: WebhookDesk
    restriction_desk: RestrictionDesk
    ombudsman: Ombudsman
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


@dataclass(frozen=True, slots=True)
class Ground:
    """What stands before a request can go anywhere: opened, started, and stopped by whoever made it."""

    settings: Settings
    clock: Clock
    registry: Registry
    registrar: Registrar
    log: AuditLog
    explorer: Explorer
    journal: Journal
    workers: Workers
    seal: LocalSeal
    run: str
    keys: IdempotencyKeys
    quotas: Quotas
    cosigning: Cosigning
    anchoring: Anchoring


def with_request_path(ground: Ground) -> Assembly:
    """Return the service that stands on this ground."""
    settings, clock, registry, registrar = ground.settings, ground.clock, ground.registry, ground.registrar
    log, explorer, journal, workers = ground.log, ground.explorer, ground.journal, ground.workers
    fetcher = Fetcher()
    issuers = TrustedIssuers(registry.issuer, clock, fetcher)
    alarms = Alarms(log, clock)
    bench = Bench(registry.lookups, registry.rulebooks, alarms, partial(live_by_the_log, explorer))
    templates = template_galleries(settings.home)
    desks = desks_of(registry, registrar)
    # 1 what waits for people; 2 the way of a request; 3 what the doors are given
    # 1
    restricted = RestrictedResults(registry.restrictions)
    queue, vault = Queue(registry.database, clock), Vault(settings.home.keys / "cases")
    pairs = Pairs(registry.database, vault)
    mixing = Mixing(queue, pairs, clock, settings.calibration_percent)
    waiting = WaitingRoom(queue, vault, journal, clock, restricted, mixing)
    looking = Looking(waiting, pairs, registry.galleries, templates, workers, ground.seal, ground.run)
    reviews = ReviewDesk(waiting, queue, registry.lookups, journal, bench, clock, ground.cosigning.witnessed_at, looking)
    time = Timekeeping(registry.database, clock)
    book = ConductBook(registry.database)
    duties = DutyDesk(registry.duties, registrar, time)
    restriction_desk = RestrictionDesk(registrar, registry.restrictions, registry.duties, time)
    endings = endings_of(settings, clock, registry)
    lease = Lease(registry.database, "duties", ground.run, timedelta(seconds=LEASE_SECONDS))
    scheduler = Scheduler(
        clock=clock,
        time=time,
        lease=lease,
        duties=registry.duties,
        authorisations=registry.authorisations,
        cases=registry.cases,
        galleries=registry.galleries,
        registrar=registrar,
        restrictions=restriction_desk,
        shredder=Shredder(queue, vault, book, log, explorer, templates),
        log=log,
        watch=Watch(endings, registry.notices, registrar, lease),
    )
    courier, webhook_desk = open_webhooks(settings, clock, registry, registrar, fetcher.tls, ground.run)
    wires = Wires.read(settings.home.tripwires)
    conduct = Conduct(wires, book, vault, journal, registrar, clock, sketch_key(settings.home))
    # 2
    execution = Execution(
        ground.run,
        clock,
        journal,
        waiting,
        templates,
        workers,
        ground.seal,
        settings.order_seconds,
        duties,
        conduct,
        tags_of(settings.home),
    )
    gate = EvaluationGate(evaluations_of(settings.home), workers, clock)
    facts = FactsBook(registry.lookups, clock, ground.cosigning.witnessed_at, gate)
    repeats = Repeats(ground.keys, vault, templates, journal, clock, restricted)
    pipeline = Pipeline(clock, facts, bench, ground.quotas, journal, execution, repeats, duties, conduct)
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
        reviews=reviews,
        duties=duties,
        scheduler=scheduler,
        endings=endings,
        courier=courier,
        webhook_desk=webhook_desk,
        restriction_desk=restriction_desk,
        ombudsman=Ombudsman(log, explorer, tags_of(settings.home), clock, settings.questions_a_day),
        gallery_desk=GalleryDesk(desks.galleries, registry.galleries, templates, journal, clock, workers.state().recogniser),
        person_desk=PersonDesk(registry.cases, templates, registrar, pipeline, workers.state().recogniser),
        keeping=Keeping(registry.cases, registry.galleries, templates, journal, clock),
        readiness=Readiness(log, bench, alarms, workers, gate, ground.cosigning.report, ground.anchoring.report),
        fetcher=fetcher,
        relying_party=RelyingParty.registered(settings, issuers, fetcher, clock),
        cosigning=ground.cosigning,
        rulebook_desk=rulebook_desk,
        reports=Reports(rulebook_desk),
    )
