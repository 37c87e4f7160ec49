"""Open what lies in a home beside the registers: log, explorer, keys, galleries, evaluations. Starts nothing, and knows no request."""

import secrets
from contextlib import suppress
from pathlib import Path

from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries as TemplateGalleries
from gateway.assembly.registers import Registry
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.custody.files import write_new
from gateway.custody.opening import open_home_log
from gateway.enforcement.duties.endings import Endings
from gateway.enforcement.erasure import Eraser
from gateway.enforcement.fitness import Evaluations
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.records.explorer import Explorer
from gateway.records.redress import Contacts
from gateway.records.tags import Tags
from gateway.registry.conduct import ConductBook
from gateway.registry.forgetting import Forgetting
from gateway.review.queue import Queue
from gateway.review.vault import Vault
from gateway.settings import Home, Settings


def open_log(settings: Settings) -> AuditLog:
    """Open the audit log of the home with its own key, made at the first start."""
    settings.home.make()
    return open_home_log(settings)


def genesis(log: AuditLog, clock: Clock) -> Record:
    """Return the first entry of a log."""
    return entries.note("genesis", at=clock.now(), more={"origin": log.origin})


def open_explorer(settings: Settings, log: AuditLog) -> Explorer:
    """Open the searchable index of the home's log, under a key that is made at the first start."""
    path = settings.home.keys / "explorer.key"
    if not path.exists():
        with suppress(FileExistsError):  # another process was first
            write_new(path, secrets.token_hex(32))
    return Explorer(settings.home.explorer, log, bytes.fromhex(path.read_text("ascii")))


def open_eraser(settings: Settings, clock: Clock, registry: Registry, log: AuditLog, explorer: Explorer) -> Eraser:
    """Return the way by which personal values leave the house."""
    queue, vault = Queue(registry.database, clock), Vault(settings.home.keys / "cases")
    return Eraser(
        log,
        explorer,
        Forgetting(registry.database),
        queue,
        vault,
        ConductBook(registry.database),
        clock,
        registry.restrictions,
        registry.galleries,
        tags_of(settings.home),
    )


def template_galleries(home: Home) -> TemplateGalleries:
    """Return the galleries' encrypted half."""
    return TemplateGalleries(home.galleries, KeyDirectory(home.keys / "galleries"))


def evaluations_of(home: Home) -> Evaluations:
    """Return the evaluations that this home keeps, and the key that signs them."""
    return Evaluations(home.evaluations, home.keys / "evaluations.key")


def contacts_of(settings: Settings) -> Contacts:
    """Return to whom people turn, as the operator has set it."""
    return Contacts(settings.contact_operator, settings.contact_authority, settings.contact_ombudsman)


def tags_of(home: Home) -> Tags:
    """Return the maker of tags for an ombudsman's questions; its key is made at the first start, and lies in no database."""
    return Tags(_made_once(home.keys / "tags.key"))


def endings_of(settings: Settings, clock: Clock, registry: Registry) -> Endings:
    """Return everything of the home that has an end."""
    evaluations = evaluations_of(settings.home)
    papers = (registry.authorisations, registry.evidence, registry.trainings)
    return Endings(registry.clients, registry.licences, *papers, evaluations, clock, settings.warn_days)


def sketch_key(home: Home) -> bytes:
    """Return the key under which probes are told to be alike; made at the first start."""
    return _made_once(home.keys / "sketch.key")


def _made_once(path: Path) -> bytes:
    with suppress(FileExistsError):
        if not path.exists():
            write_new(path, secrets.token_hex(32))
    return bytes.fromhex(path.read_text("ascii").strip())
