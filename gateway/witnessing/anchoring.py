"""Have a time-stamping authority state that the log's head exists (RFC 3161), now and then, and keep what it states in the log itself.

A failure is said and tried again; it never holds up or refuses a request."""

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from gateway.audit.anchor import ANSWER_TYPE, REQUEST_TYPE, AnchorError, read_answer, request
from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog, Receipt
from gateway.clock import Clock, iso
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.settings import Settings, SettingsRefused
from gateway.witnessing.posting import Post

Write = Callable[[Record], Awaitable[Receipt]]


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority: its address, and the one certificate whose key it must sign with."""

    url: str
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Anchored:
    """The time that the authority states, and the entry that holds its token."""

    time: datetime
    receipt: Receipt


def read_authority(settings: Settings) -> Authority | None:
    """Return the authority that the settings name; None if they name none. Raises SettingsRefused if they name half of one."""
    url, place = settings.anchor_url, settings.anchor_certificate
    if url is None and place is None:
        return None
    if url is None or place is None or not url.startswith(("https://", "http://")):
        raise SettingsRefused("An anchor needs CUSTODES_ANCHOR_URL, a web address, and CUSTODES_ANCHOR_CERTIFICATE, a file.")
    return Authority(url, _certificate(place))


class Anchoring:
    """The log's way to its authority."""

    def __init__(self, log: AuditLog, write: Write, post: Post, clock: Clock, authority: Authority | None) -> None:
        self._log = log
        self._write = write
        self._post = post
        self._clock = clock
        self._authority = authority
        self._last: datetime | None = None
        self._why = ""

    async def run(self, seconds: float) -> None:
        """Anchor every so many seconds, for ever; ends at once without an authority."""
        while self._authority is not None:
            try:
                await self.anchor()
            except (CustodesError, AuditError) as fault:
                self._why = fault.sentence
            except Exception as fault:  # nobody waits for this task: if it died of something unforeseen, that would be silent
                self._why = f"{type(fault).__name__}: {fault}"
            await asyncio.sleep(seconds)

    async def anchor(self) -> Anchored:
        """Have the head stamped now, and write an `anchor` entry. Raises Unreachable, AnchorError, or what writing raises."""
        if self._authority is None:
            raise AnchorError("no time-stamping authority is named: set CUSTODES_ANCHOR_URL and CUSTODES_ANCHOR_CERTIFICATE")
        checkpoint, nonce = self._log.checkpoint(), secrets.randbits(63)
        reply = await self._post(self._authority.url, request(checkpoint, nonce), REQUEST_TYPE)
        if reply.status != 200 or reply.kind != ANSWER_TYPE:
            raise AnchorError(f"the time-stamping authority answered {reply.status} {reply.kind or 'without a type'}, not a time stamp")
        anchor = await asyncio.to_thread(read_answer, reply.body, checkpoint, nonce, self._authority.certificate)
        more = {
            "authority": self._authority.url,
            "checkpoint": checkpoint.decode(),
            "time": iso(anchor.time),
            "token": base64.b64encode(anchor.token).decode(),
        }
        receipt = await self._write(entries.note("anchor", at=self._clock.now(), more=more))
        self._last, self._why = anchor.time, ""
        return Anchored(anchor.time, receipt)

    def report(self) -> Mapping[str, object] | None:
        """Say how it stands, for people who look after the service; None if no authority is named."""
        if self._authority is None:
            return None
        report: dict[str, object] = {"ready": True, "last": None if self._last is None else iso(self._last)}
        return report | ({"why": self._why} if self._why else {})


def _certificate(place: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(place.read_bytes())
    except (OSError, ValueError) as wrong:
        raise SettingsRefused(f"CUSTODES_ANCHOR_CERTIFICATE names no certificate in PEM: {place}.") from wrong
