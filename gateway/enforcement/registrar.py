"""Carry out what people change in the registry: checked first, durable in the log next, true last. Knows no HTTP and no rule.

Everything that gives or takes power comes through here, from the service and from the command line alike, in any number of
processes on one home: each change holds the registry's one writer's place from its first look to its commit."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from gateway.audit.errors import AuditError
from gateway.audit.log import MAX_ENTRY, AuditLog, Receipt
from gateway.clock import Clock
from gateway.enforcement.answers import AuditUnavailable
from gateway.enforcement.takings import Said, Takings
from gateway.enforcement.unsettled import Unsettled, UnsettledChanges
from gateway.errors import CustodesError
from gateway.identity.callers import Caller
from gateway.identity.errors import CallerRefused, RoleMissing
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.records.entries import ChangeKind
from gateway.registry.clients import Clients
from gateway.registry.errors import Malformed, NotOnRecord, RegistryError, SamePerson
from gateway.registry.marks import Marks
from gateway.registry.staff import Staff
from gateway.store.sessions import Database

T = TypeVar("T")

VOID: Final = "void"
_NOTHING_DONE: Final = "The audit log cannot take an entry, so nothing was done. Try again shortly."
_STILL_TO_COME: Final = "The audit log cannot take an entry now; the step is kept, and done as soon as it can."


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: a person (`staff`), a `client` that minds its own affairs, or the `installation` before anybody came in."""

    kind: str
    id: str

    @classmethod
    def of(cls, caller: Caller) -> "Actor":
        """Return the actor behind a token."""
        return cls(caller.kind, caller.id)

    @property
    def name(self) -> str:
        """The name under which the registry and the log remember who did it."""
        return self.id if self.kind == "staff" else f"{self.kind}:{self.id}" if self.kind == "client" else self.kind


INSTALLATION: Final = Actor("installation", "")


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """A change that is true: what the register answered, and the receipt of its entry."""

    value: T
    receipt: Receipt


class Registrar:
    """The one way to change what the gateway goes by. Every method blocks for a commit of log and registry: call it in a thread.

    What must hold, whatever dies when: nothing is true that the log does not know; a step that takes power away is true once it is
    in the log, at the latest when the next process looks; a step that gives power and was interrupted gives nothing, and an entry of
    the same kind with the act `void` says so."""

    def __init__(
        self, database: Database, staff: Staff, clients: Clients, log: AuditLog, clock: Clock, unsettled: UnsettledChanges, takings: Takings
    ) -> None:
        self._database = database
        self._staff = staff
        self._clients = clients
        self._marks = Marks(database)
        self._log = log
        self._clock = clock
        self._unsettled = unsettled
        self._takings = takings

    def give(
        self, actor: Actor, role: str | None, kind: ChangeKind, act: str, make: Callable[[], T], tell: Callable[[T], Mapping[str, object]]
    ) -> Done[T]:
        """Change something by `make`, which calls the registers; the entry holds what `tell` says of what it returned.

        `role` is what a person must hold; None means that the client itself, or the installation, may do this.
        Raises what `make` raises (then nothing happened), CallerRefused or RoleMissing (refused, and in the log),
        AuditUnavailable or StoreUnavailable (nothing happened)."""
        return self._carry_out(actor, role, kind, act, make, tell, None)

    def take(self, actor: Actor, role: str | None, kind: ChangeKind, act: str, said: Said) -> Done[object]:
        """Take something away: the step of takings.py under that kind and act, with what is said of it, which is also its entry.

        Raises as give() does. After AuditUnavailable or StoreUnavailable it may still be done when the registrar next looks,
        for what takes power away is rather done twice than forgotten."""
        taking = self._takings[kind, act]
        return self._carry_out(actor, role, kind, act, lambda: taking(said, actor.name), lambda _value: said, said)

    def must_hold(self, actor: Actor, role: str) -> None:
        """Let pass who may do that now: asked before long work whose end give() or take() is, which ask again.

        Raises CallerRefused or RoleMissing once the attempt is in the log."""
        try:
            self._must_be_allowed(actor, role)
        except (CallerRefused, RoleMissing) as refused:
            asked = f"the work of a {role}"
            self._append(entries.access_denied(at=self._clock.now(), by=actor.name, why=refused.code, asked=asked), _NOTHING_DONE)
            raise

    def settle(self) -> int:
        """Finish what an interrupted process left, and return how many changes that were. Raises AuditUnavailable.

        Asked at each start, before each change, and by the service every second."""
        if not self._unsettled.left():
            return 0
        with self._database.unit():
            # Read again under the one writer's place: whoever held it has committed by now, or never will.
            found = self._unsettled.left()
            for left in found:
                if self._marks.last() != left.change:
                    self._finish(left)
        for left in found:
            self._unsettled.drop(left.change)
        return len(found)

    def _carry_out(
        self,
        actor: Actor,
        role: str | None,
        kind: ChangeKind,
        act: str,
        make: Callable[[], T],
        tell: Callable[[T], Mapping[str, object]],
        said: Said | None,
    ) -> Done[T]:
        """1 what others left is settled; 2 the actor may do this, as the registry has it now; 3 the change is made, unseen by anybody;
        4 it is written down outside; 5 its entry is durable; 6 it becomes true; 7 the note of step 4 goes.

        A failure up to 3 leaves nothing. One at 4 to 6 leaves the note, and settle() finishes."""
        change = secrets.token_hex(16)
        try:
            while True:
                self.settle()  # 1
                with self._database.unit():
                    if self._unsettled.left():
                        continue  # somebody fell between settling and our turn
                    self._must_be_allowed(actor, role)  # 2
                    value = make()  # 3
                    record = self._record(kind, act, actor.name, {**tell(value), "change": change})
                    self._note(Unsettled(change, kind, act, actor.name, said))  # 4
                    receipt = self._append(record, _NOTHING_DONE if said is None else _STILL_TO_COME)  # 5
                    self._marks.set(change)
                break  # 6: the unit has committed
        except (CallerRefused, RoleMissing, SamePerson) as refused:
            self._append(entries.access_denied(at=self._clock.now(), by=actor.name, why=refused.code, asked=f"{kind} {act}"), _NOTHING_DONE)
            raise
        self._unsettled.drop(change)  # 7
        return Done(value, receipt)

    def _must_be_allowed(self, actor: Actor, role: str | None) -> None:
        if actor.kind == "client":
            self._clients.get(actor.id).must_be_active()
            if role is not None:
                raise CallerRefused("This is for staff; a client cannot ask for it. Sign in as a person.", code="staff-needed")
        elif actor.kind == "staff":
            try:
                person = self._staff.get(actor.id)
            except NotOnRecord:
                raise CallerRefused("Nobody of that name is on record here.", code="staff-inactive") from None
            if person.state != "active":
                raise CallerRefused("You are on record, but not active here; ask a registrar for a link.", code="staff-inactive")
            if role is not None and role not in person.roles:
                raise RoleMissing(role)
        elif role is not None:
            raise RoleMissing(role)  # the installation itself holds none

    def _finish(self, left: Unsettled) -> None:
        """Do an interrupted taking (again); declare an interrupted giving void. The entry stands before the effect here, too."""
        if left.said is None:
            self._append(self._record(left.kind, VOID, left.by, {"change": left.change, "void": left.act}), _NOTHING_DONE)
        else:
            self._append(self._record(left.kind, left.act, left.by, {**left.said, "change": left.change, "resumed": True}), _STILL_TO_COME)
            # What its state no longer allows to be taken is gone already.
            with contextlib.suppress(RegistryError):
                self._takings[left.kind, left.act](left.said, left.by)
        self._marks.set(left.change)

    def _note(self, unsettled: Unsettled) -> None:
        try:
            self._unsettled.put(unsettled)
        except OSError as fault:
            raise AuditUnavailable("The home directory cannot be written, so nothing was done; run `doctor`.") from fault

    def _append(self, record: Record, otherwise: str) -> Receipt:
        try:
            return self._log.append_blocking(record.body, record.openings)
        except AuditError as fault:
            raise AuditUnavailable(otherwise) from fault

    def _record(self, kind: ChangeKind, act: str, by: str, more: Mapping[str, object]) -> Record:
        record = entries.change(kind, at=self._clock.now(), by=by, act=act, more=more)
        if len(record.body) > MAX_ENTRY:
            raise Malformed("document", f"is too long to be recorded: an entry of the log holds {MAX_ENTRY} bytes.")
        return record


async def keep_settled(registrar: Registrar, seconds: float = 1.0) -> None:
    """Look every so often for what another process of this home left unfinished: a suspension must not wait for the next change."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(registrar.settle)
        except CustodesError:
            # The log or the database cannot be written now; readiness says so, and the next look tries again.
            continue
