"""Put together who tells clients of their decisions, for the service and for the command line. Sends nothing by itself."""

import ssl
from datetime import timedelta
from typing import Final

from gateway.assembly.registers import Registry
from gateway.clock import Clock
from gateway.enforcement.registrar import Registrar
from gateway.enforcement.webhooks.addresses import AllowList, resolve_by_system
from gateway.enforcement.webhooks.courier import Courier
from gateway.enforcement.webhooks.desk import WebhookDesk
from gateway.enforcement.webhooks.posting import Post
from gateway.enforcement.webhooks.sending import Sender
from gateway.registry.timekeeping import Timekeeping
from gateway.review.endings import Endings
from gateway.review.vault import Vault
from gateway.settings import Settings
from gateway.store.leases import Lease

LEASE_SECONDS: Final = 60


def open_webhooks(
    settings: Settings, clock: Clock, registry: Registry, registrar: Registrar, tls: ssl.SSLContext, run: str
) -> tuple[Courier, WebhookDesk]:
    """Return who carries the messages, and the desk at which clients say where to. Raises AllowListMalformed."""
    allowed, vault = AllowList.read(settings.home.webhooks), Vault(settings.home.keys / "webhooks")
    sender = Sender(allowed, vault, clock, resolve_by_system, Post(tls))
    time = Timekeeping(registry.database, clock)
    lease = Lease(registry.database, "webhooks", run, timedelta(seconds=LEASE_SECONDS))
    courier = Courier(registry.webhooks, Endings(registry.database), sender, registrar, time, lease)
    return courier, WebhookDesk(registrar, registry.webhooks, sender, time)
