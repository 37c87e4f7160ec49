"""Lend a command what it needs of a home, beside a running service or without one. Starts no recogniser and opens no door."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from gateway.assembly.homes import genesis, open_explorer, open_log
from gateway.assembly.registers import Registry, open_registrar, open_registry
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.enforcement.bench import Bench
from gateway.enforcement.boots import beginning_alone
from gateway.enforcement.desks.rulebooks import RulebookDesk
from gateway.enforcement.journal import Journal
from gateway.enforcement.registrar import Registrar
from gateway.settings import Settings


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
                log.append_blocking(genesis(log, clock).body)
        yield log


def open_rulebook_desk(settings: Settings, clock: Clock, registry: Registry, registrar: Registrar, bench: Bench) -> RulebookDesk:
    """Return the desk at which rulebooks are drafted, reported on, approved and made live."""
    return RulebookDesk(registrar, registry.rulebooks, registry.drafts, bench, settings.home.audit / "log.sqlite", clock)
