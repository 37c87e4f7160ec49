"""The certification scenario of AuthZEN 1.0 (Basic, Batch, Discovery), as steps that any decision point can be asked.
Written from certification/authorization-api-1_0-scenario.md of openid/authzen; section numbers are that document's. Knows nothing of ours.

`python -m tests.gateway.authzen.scenario BASE_URL TOKEN` asks a running one; exit code 0 if every step holds."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

ALICE = {"type": "user", "id": "alice"}
BOB = {"type": "user", "id": "bob"}
ADMIN = {**BOB, "properties": {"role": "admin"}}
ONE = {"type": "record", "id": "record-1"}
TWO = {"type": "record", "id": "record-2"}
ACTIVE = {**ONE, "properties": {"status": "active"}}
ARCHIVED = {**TWO, "properties": {"status": "archived"}}
READ, WRITE = {"name": "read"}, {"name": "write"}
SOFT = {"name": "delete", "properties": {"soft": True}}
HARD = {"name": "delete", "properties": {"soft": False}}
TIMES = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}
SINGLE, BATCH = "evaluation", "evaluations"
JSON = "application/json"


def ask(subject: object = ALICE, action: object = READ, resource: object = ONE, **more: object) -> dict[str, Any]:
    """An evaluation; a member that is given as None is left out."""
    said = {"subject": subject, "action": action, "resource": resource, **more}
    return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True)
class Step:
    """One request: where, what, and what must come back. `decisions` is one, a list, or None where only the form counts."""

    section: str
    endpoint: str
    body: object
    status: int = 200
    decisions: object = None
    length: int | None = None
    content_type: str = JSON
    raw: bytes | None = None


def singles() -> Iterator[Step]:
    yield Step("2.2.1", SINGLE, ask(), decisions=True)
    yield Step("2.2.2", SINGLE, ask(BOB, WRITE), decisions=False)
    yield Step("2.2.3", SINGLE, ask(context=TIMES), decisions=True)
    yield Step("1.4 rule 2", SINGLE, ask(action=WRITE), decisions=True)
    yield Step("1.4 rule 3", SINGLE, ask(BOB), decisions=True)
    yield Step("2.2.4", SINGLE, ask(action=WRITE, resource=ARCHIVED), decisions=False)
    yield Step("2.2.5", SINGLE, ask(ADMIN, WRITE, ARCHIVED), decisions=True)
    yield Step("2.2.6", SINGLE, ask(action=SOFT), decisions=True)
    yield Step("2.2.7", SINGLE, ask(action=HARD), decisions=False)
    generous = ask(
        {**ALICE, "properties": {"department": "Sales", "role": "manager"}},
        {**READ, "properties": {"method": "GET"}},
        {**ONE, "properties": {"status": "active", "owner": "bob"}},
    )
    yield Step("2.2.8", SINGLE, generous, decisions=True)
    yield Step("2.2.9", SINGLE, ask(foo="bar", futureField={"nested": True}), decisions=True)
    for name in ("subject", "action", "resource"):
        yield Step(f"2.4.1 {name}", SINGLE, ask(**{name: None}), 400)
    for name, given in (
        ("subject", {"id": "alice"}),
        ("subject", {"type": "user"}),
        ("action", {}),
        ("resource", {"id": "record-1"}),
        ("resource", {"type": "record"}),
    ):
        yield Step(f"2.4.2 {name} {given}", SINGLE, ask(**{name: given}), 400)
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
        yield Step(f"2.4.3 {kind}", SINGLE, ask(), 400, content_type=kind)
    for raw in (b"{", b'{"subject": }', b"not json", b"[1, 2", b'"text"', b"[]", b"null"):
        yield Step(f"2.4.4 {raw!r}", SINGLE, None, 400, raw=raw)
    yield Step("2.4.5", SINGLE, None, 400, raw=b"")
    yield Step("2.4.6 subject", SINGLE, ask("alice"), 400)
    yield Step("2.4.6 action.name", SINGLE, ask(action={"name": 123}), 400)
    yield Step("2.4.6 context", SINGLE, ask(context="now"), 400)
    yield Step("2.4.6 resource.properties", SINGLE, ask(resource={**ONE, "properties": []}), 400)


def batches() -> Iterator[Step]:
    def both(*items: object, **shared: object) -> dict[str, object]:
        return {**shared, "evaluations": list(items)}

    yield Step("3.2.1", BATCH, both({"resource": ONE}, {"resource": TWO}, subject=ALICE, action=READ), length=2)
    yield Step("3.2.2", BATCH, both({"action": READ}, {"action": WRITE}, subject=BOB, resource=ONE), decisions=[True, False])
    yield Step("3.2.3", BATCH, both({"resource": ACTIVE}, {"resource": ARCHIVED}, subject=ALICE, action=WRITE), decisions=[True, False])
    yield Step("3.2.4", BATCH, both({"subject": ALICE}, {"subject": ADMIN}, action=WRITE, resource=ARCHIVED), decisions=[False, True])
    yield Step("3.2.5", BATCH, both(ask(), ask(BOB, WRITE)), decisions=[True, False])
    overriding = {"resource": TWO, "context": {"time": "2025-06-27T19:00-07:00", "source": "batch-override"}}
    yield Step("3.2.6", BATCH, both({"resource": ONE}, overriding, subject=ALICE, action=READ, context=TIMES), length=2)
    partial = {"resource": {"id": "record-1", "properties": {"status": "active"}}}
    merged = both(partial, {"resource": ARCHIVED}, subject=ALICE, action=WRITE, resource={"type": "record"})
    yield Step("3.2.7", BATCH, merged, decisions=[True, False])
    yield Step("3.4.1", BATCH, both({"resource": ONE}, {}, subject=ALICE, action=READ), decisions=[True, False])
    yield Step("3.4.2", BATCH, ask(), decisions=True)
    yield Step("3.4.3", BATCH, ask(evaluations=[]), decisions=True)
    for raw in (b"{", b"", b"[]"):
        yield Step(f"3.4 {raw!r}", BATCH, None, 400, raw=raw)
    yield Step("3.4 content type", BATCH, ask(), 400, content_type="text/plain")
    # The specification's own section on short-circuits: fewer items come back, and the last is the one that ended it.
    three = [{"action": READ}, {"action": WRITE}, {"action": READ}]
    for word, decisions in (
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ):
        options = {"evaluations_semantic": word}
        yield Step(f"spec {word}", BATCH, both(*three, subject=BOB, resource=ONE, options=options), decisions=decisions)


@dataclass(frozen=True)
class Runner:
    """Asks one decision point, and says what does not hold."""

    base: str
    web: httpx2.AsyncClient
    token: str

    async def faults(self) -> list[str]:
        """Return what is wrong, section by section; nothing means that Basic, Batch and Discovery are reached."""
        found, endpoints = await self._discover()
        for step in (*singles(), *batches()):
            found += [f"{step.section}: {fault}" for fault in await self._ask(step, endpoints[step.endpoint])]
        repeated = [(await self._post(endpoints[SINGLE], Step("2.6", SINGLE, ask())))[1].get("decision") for _ in range(5)]
        found += [] if repeated == [True] * 5 else [f"2.6: not the same each time: {repeated}"]
        return found

    async def _discover(self) -> tuple[list[str], dict[str, str]]:
        answer = await self.web.get(f"{self.base}/.well-known/authzen-configuration")
        told = answer.json()
        endpoints = {name: told.get(f"access_{name}_endpoint", "") for name in (SINGLE, BATCH)}
        holds = {
            "6.2: 200": answer.status_code == 200,
            "6.2: JSON": answer.headers["content-type"].startswith(JSON),
            "6.3: the point is where it was found": told.get("policy_decision_point") == self.base,
            "6.5: https": all(address.startswith("https://") for address in (self.base, *endpoints.values())),
            "6.5: capabilities": isinstance(told.get("capabilities", []), list),
        }
        return [name for name, held in holds.items() if not held], endpoints

    async def _post(self, address: str, step: Step) -> tuple[httpx2.Response, dict[str, Any]]:
        content = step.raw if step.raw is not None else json.dumps(step.body).encode()
        headers = {"authorization": f"Bearer {self.token}", "content-type": step.content_type, "x-request-id": f"r {step.section}"}
        answer = await self.web.post(address, content=content, headers=headers)
        return answer, answer.json() if "json" in answer.headers["content-type"] else {}

    async def _ask(self, step: Step, address: str) -> Iterator[str]:
        answer, told = await self._post(address, step)
        return iter(list(_faults(step, answer, told)))


def _faults(step: Step, answer: httpx2.Response, told: dict[str, Any]) -> Iterator[str]:
    if answer.status_code != step.status:
        yield f"{answer.status_code} instead of {step.status}: {answer.text[:200]}"
        return
    if answer.headers.get("x-request-id") != f"r {step.section}":
        yield "2.5.1: X-Request-ID is not echoed"
    if step.status != 200:
        return
    if not answer.headers["content-type"].startswith(JSON):
        yield "5.2: not JSON"
    several = isinstance(step.decisions, list) or step.length is not None
    items = told.get("evaluations") if several else [told]
    if not isinstance(items, list):
        yield f"no list of evaluations: {told}"
        return
    if not all(isinstance(item.get("decision"), bool) and isinstance(item.get("context", {}), dict) for item in items):
        yield f"2.3: no decision, or a context that is no object: {told}"
        return
    decisions = [item["decision"] for item in items]
    wanted = step.decisions if isinstance(step.decisions, list) else [step.decisions]
    if step.length is not None and len(decisions) != step.length:
        yield f"3.3.1: {len(decisions)} answers"
    if step.decisions is not None and decisions != wanted:
        yield f"{decisions} instead of {wanted}: {told}"


def main(arguments: list[str], run: Callable[..., Any]) -> int:
    """Ask the decision point at the address, print what does not hold."""

    async def asked() -> list[str]:
        async with httpx2.AsyncClient() as web:
            return await Runner(arguments[0].rstrip("/"), web, arguments[1]).faults()

    faults = run(asked())
    sys.stdout.write("".join(f"{fault}\n" for fault in faults) or f"{len([*singles(), *batches()])} steps hold\n")
    return 1 if faults else 0


if __name__ == "__main__":
    import asyncio

    sys.exit(main(sys.argv[1:], asyncio.run))
