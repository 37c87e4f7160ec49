"""Start the whole service, in order, and stop it in reverse. Decides nothing: each part is named here, and does its work elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from engine.orders import LocalSeal
from engine.workers.plan import Limits, WorkerPlan
from engine.workers.pool import Workers
from gateway.assembly.homes import evaluations_of, genesis, open_eraser, open_explorer, open_log, sketch_key
from gateway.assembly.registers import open_registrar, open_registry
from gateway.assembly.request_path import Assembly, Ground, with_request_path
from gateway.clock import Clock, SystemClock
from gateway.enforcement import fitness
from gateway.enforcement.bench import name_the_rulebook
from gateway.enforcement.boots import beginning, boot, forget_the_dead, is_running
from gateway.enforcement.duties.scheduler import look_after
from gateway.enforcement.heartbeat import beat
from gateway.enforcement.housekeeping import keep_tidy
from gateway.enforcement.journal import Journal
from gateway.enforcement.registrar import keep_settled
from gateway.enforcement.webhooks.courier import carry
from gateway.registry.idempotency import IdempotencyKeys
from gateway.registry.quotas import Quotas
from gateway.settings import Settings
from gateway.witnessing.anchoring import Anchoring, read_authority
from gateway.witnessing.cosigning import Cosigning
from gateway.witnessing.policy import read_policy
from gateway.witnessing.posting import DEADLINE_SECONDS, Poster

SWEEP_SECONDS: Final = 60.0


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
                await journal.write(genesis(log, clock))
            # 3
            run = stack.enter_context(boot(boots, settings.url))
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
        post = Poster(DEADLINE_SECONDS)
        cosigning = await asyncio.to_thread(Cosigning, log, policy, post, clock)
        anchoring = Anchoring(log, journal.write, post, clock, authority)
        stack.callback(asyncio.create_task(anchoring.run(settings.anchor_seconds)).cancel)
        stack.callback(asyncio.create_task(cosigning.run(settings.witness_seconds)).cancel)
        # 5
        ground = Ground(
            settings, clock, registry, registrar, log, explorer, journal, workers, seal, run, keys, quotas, cosigning, anchoring
        )
        house = with_request_path(ground)
        stack.callback(house.scheduler.lease.give_up)
        stack.callback(asyncio.create_task(look_after(house.scheduler, settings.duty_seconds)).cancel)
        stack.callback(house.courier.lease.give_up)
        stack.callback(asyncio.create_task(carry(house.courier, settings.webhook_seconds)).cancel)
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
