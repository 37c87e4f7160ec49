"""A message is sent until it was taken, by one process of many, through restarts; what nobody takes is given up, for all to see."""

import asyncio
import hashlib
import hmac
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.assembly.homes import open_log
from gateway.assembly.registers import Registry, open_registrar, open_registry
from gateway.assembly.webhooks import open_webhooks
from gateway.audit.log import AuditLog
from gateway.clock import FixedClock
from gateway.enforcement.registrar import Actor, Registrar
from gateway.enforcement.webhooks.addresses import AddressRefused
from gateway.enforcement.webhooks.courier import WAITS, Courier
from gateway.enforcement.webhooks.desk import WebhookDesk
from gateway.identity.errors import CallerRefused, RoleMissing
from gateway.registry.clients import NewClient
from gateway.registry.errors import Malformed, NotOnRecord, StateForbids
from gateway.review.queue import HeldResult, Queue
from gateway.review.vault import Vault
from gateway.settings import Settings, read_settings
from gateway.store.leases import LeaseLost
from tests.gateway.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.anyio

CLIENT = Actor("client", "ngo")
TLS = ssl.create_default_context()


@dataclass
class House:
    """A registry, its log, and what a process of it would make of webhooks."""

    settings: Settings
    clock: FixedClock
    registry: Registry
    registrar: Registrar
    log: AuditLog

    def process(self, run: str) -> tuple[Courier, WebhookDesk]:
        return open_webhooks(self.settings, self.clock, self.registry, self.registrar, TLS, run)

    def hold(self, number: int, client: str = "ngo") -> str:
        decision = f"00000000-0000-4000-8000-{number:012}"
        held = HeldResult(f"r{number}", decision, client, f"{client}/C", "p", "identify", 1, 1, 1, 2, {}, b"sealed")
        Queue(self.registry.database, self.clock).put(held)
        return decision

    def settle(self, number: int, state: str) -> None:
        Queue(self.registry.database, self.clock).settle(f"r{number}", state, 3)

    def entries(self) -> list[dict[str, object]]:
        found = [json.loads(body) for body in self.log.entries(0, self.log.size)]
        return [entry for entry in found if entry["kind"] == "webhook"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings, clock = read_settings({}, home=tmp_path), FixedClock(datetime(2026, 12, 1, tzinfo=UTC))
    with ExitStack() as stack:
        registry = open_registry(settings, clock)
        stack.callback(registry.close)
        log = open_log(settings)
        stack.callback(log.close)
        registry.clients.register(NewClient("ngo", "NGO", "ngo_victim"), "rita")
        registry.clients.register(NewClient("police", "Police", "police_local"), "rita")
        yield House(settings, clock, registry, open_registrar(settings, clock, registry, log), log)


def listed(house: House, *receivers: Receiver) -> None:
    house.settings.home.webhooks.write_text(json.dumps({"origins": [receiver.origin for receiver in receivers]}))


async def test_a_client_is_told_which_decision_and_what_became_of_it_and_nothing_else(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        courier, desk = house.process("a")
        made = desk.register(CLIENT, "ngo", f"{receiver.origin}/in?k=1").value
        decisions = [house.hold(1), house.hold(2), house.hold(3), house.hold(4, "police")]
        house.settle(1, "released")
        house.settle(2, "withheld")
        Queue(house.registry.database, house.clock).destroy_decision(decisions[2])
        house.settle(4, "released")
        done = await courier.round()
        assert (len(done.delivered), done.put_off, done.given_up) == (3, (), ())
        told = {json.loads(body)["data"]["decision_id"]: json.loads(body) for _headers, body in receiver.came}
        assert [told[one]["data"]["state"] for one in decisions[:3]] == ["released", "withheld", "expired"]
        assert {name for body in told.values() for name in (*body, *body["data"])} == {"type", "timestamp", "data", "decision_id", "state"}
        headers, body = receiver.came[0]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = b64decode(made.secret.removeprefix("whsec_"))
        assert headers["webhook-signature"] == "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert (await courier.round()).delivered == ()
        acts = [(entry["act"], entry.get("became")) for entry in house.entries()]
        assert acts[0] == ("registered", None)
        assert set(acts[1:]) == {("delivered", "released"), ("delivered", "withheld"), ("delivered", "expired")}
        text = b"".join(house.log.entries(0, house.log.size))
        assert made.secret.encode() not in text
        assert b"k=1" not in text, "an address may hold a secret of its receiver's"


async def test_no_file_of_the_home_holds_a_secret_in_the_clear(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        _courier, desk = house.process("a")
        made = desk.register(CLIENT, "ngo", f"{receiver.origin}/").value
        raw = b64decode(made.secret.removeprefix("whsec_"))
        files = [path for path in house.settings.home.root.rglob("*") if path.is_file()]
        assert not [path for path in files if made.secret.encode() in path.read_bytes() or raw in path.read_bytes()]


async def test_what_is_not_taken_is_sent_again_later_even_by_another_process_after_a_restart(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        receiver.answer = b"HTTP/1.1 503 Busy\r\n\r\n"
        courier, desk = house.process("a")
        desk.register(CLIENT, "ngo", f"{receiver.origin}/")
        house.hold(1)
        house.settle(1, "released")
        assert len((await courier.round()).put_off) == 1
        assert (await courier.round()).put_off == (), "it is left in peace for a while"
        assert len(receiver.came) == 1
        receiver.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        courier.lease.give_up()
        house.clock.at += WAITS[0]
        after, _desk = house.process("b")
        assert len((await after.round()).delivered) == 1
        assert receiver.came[0][0]["webhook-id"] == receiver.came[1][0]["webhook-id"]
        assert receiver.came[0][1] == receiver.came[1][1]


async def test_of_two_processes_one_sends_and_one_that_was_overtaken_records_nothing(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        (first, desk), (second, _) = house.process("a"), house.process("b")
        desk.register(CLIENT, "ngo", f"{receiver.origin}/")
        house.hold(1)
        house.settle(1, "released")
        rounds = await asyncio.gather(first.round(), second.round())
        assert sorted(one.ours for one in rounds) == [False, True]
        assert len(receiver.came) == 1
        house.hold(2)
        house.settle(2, "released")
        holder, other = (first, second) if rounds[0].ours else (second, first)
        due = await asyncio.to_thread(holder._due)
        assert due is not None
        house.clock.at += timedelta(minutes=2)
        assert (await other.round()).ours
        sent = await holder.sender.send(*due[0][:1], due[0][1].id, b"{}")
        with pytest.raises((LeaseLost, StateForbids)):
            holder._record(*due[0], sent)


async def test_what_nobody_takes_in_three_days_is_given_up_where_all_can_see_it_and_can_be_sent_again(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        receiver.answer = b"HTTP/1.1 500 No\r\n\r\n"
        courier, desk = house.process("a")
        hook = desk.register(CLIENT, "ngo", f"{receiver.origin}/").value.webhook
        house.hold(1)
        house.settle(1, "released")
        for wait in WAITS:
            assert len((await courier.round()).put_off) == 1
            house.clock.at += wait + timedelta(hours=1)
        assert len((await courier.round()).given_up) == 1
        assert len(receiver.came) == len(WAITS) + 1
        (message,) = house.registry.webhooks.deliveries(hook.id)
        assert (message.state, message.attempts, message.why) == ("given-up", 10, "500")
        assert (house.entries()[-1]["act"], house.entries()[-1]["attempts"]) == ("given-up", 10)
        house.clock.at += timedelta(days=30)
        assert (await courier.round()).put_off == ()
        receiver.answer = b"HTTP/1.1 204 Yes\r\n\r\n"
        with pytest.raises(NotOnRecord):
            desk.again(CLIENT, "ngo", hook.id, "msg-none")
        desk.again(CLIENT, "ngo", hook.id, message.id)
        assert len((await courier.round()).delivered) == 1


async def test_a_receiver_that_is_gone_stops_its_webhook_and_a_slow_one_holds_up_no_other(house: House) -> None:
    async with receiving() as gone, receiving() as other:
        listed(house, gone, other)
        gone.answer = b"HTTP/1.1 410 Gone\r\n\r\n"
        courier, desk = house.process("a")
        first = desk.register(CLIENT, "ngo", f"{gone.origin}/").value.webhook
        desk.register(CLIENT, "ngo", f"{other.origin}/")
        for number in (1, 2):
            house.hold(number)
            house.settle(number, "released")
        await courier.round()
        await courier.round()
        assert (len(gone.came), len(other.came)) == (1, 2)
        assert house.registry.webhooks.get("ngo", first.id).state == "stopped"
        assert "stopped" in [entry["act"] for entry in house.entries()]


async def test_a_rotated_secret_signs_beside_the_old_one_for_a_while(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        _courier, desk = house.process("a")
        made = desk.register(CLIENT, "ngo", f"{receiver.origin}/").value
        new = desk.rotate(CLIENT, "ngo", made.webhook.id, 1).value
        assert new.secret != made.secret
        await desk.test(CLIENT, "ngo", made.webhook.id)
        house.clock.at += timedelta(hours=1)
        await desk.test(CLIENT, "ngo", made.webhook.id)
        assert [len(headers["webhook-signature"].split(" ")) for headers, _body in receiver.came] == [2, 1]
        with pytest.raises(Malformed):
            desk.rotate(CLIENT, "ngo", made.webhook.id, 10_000)


async def test_a_test_says_how_it_went_and_cannot_be_used_to_hammer_a_receiver(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        _courier, desk = house.process("a")
        made = desk.register(CLIENT, "ngo", f"{receiver.origin}/").value
        receiver.answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"
        sent, name = await desk.test(CLIENT, "ngo", made.webhook.id)
        assert (sent.delivered, sent.status, receiver.came[0][0]["webhook-id"]) == (False, 302, name)
        with pytest.raises(StateForbids):
            await desk.test(CLIENT, "ngo", made.webhook.id)
        assert len(receiver.came) == 1


async def test_only_the_client_itself_and_registrars_register_and_a_removed_one_is_told_nothing_more(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        courier, desk = house.process("a")
        made = desk.register(CLIENT, "ngo", f"{receiver.origin}/").value.webhook
        with pytest.raises(StateForbids):
            desk.register(CLIENT, "ngo", f"{receiver.origin}/")
        with pytest.raises(NotOnRecord):
            desk.remove(Actor("client", "police"), "police", made.id)
        with pytest.raises((CallerRefused, RoleMissing)):
            desk.register(Actor("staff", "nobody"), "ngo", f"{receiver.origin}/x")
        with pytest.raises(AddressRefused):
            desk.register(CLIENT, "ngo", "https://elsewhere.example/")
        for number in range(7):
            desk.register(CLIENT, "ngo", f"{receiver.origin}/{number}")
        with pytest.raises(StateForbids):
            desk.register(CLIENT, "ngo", f"{receiver.origin}/more")
        keys = house.settings.home.keys / "webhooks"
        assert len(list(keys.iterdir())) == 8, "what was refused has left no key"
        for hook in house.registry.webhooks.all("ngo"):
            desk.remove(CLIENT, "ngo", hook.id)
        house.hold(1)
        house.settle(1, "released")
        assert not (await courier.round()).delivered
        assert (receiver.came, list(keys.iterdir())) == ([], [])


async def test_a_suspended_client_is_told_nothing_until_it_may_act_again(house: House) -> None:
    async with receiving() as receiver:
        listed(house, receiver)
        courier, desk = house.process("a")
        desk.register(CLIENT, "ngo", f"{receiver.origin}/")
        house.hold(1)
        house.settle(1, "released")
        house.registry.clients.suspend("ngo", "inquiry")
        assert (await courier.round()).delivered == ()
        house.registry.clients.resume("ngo", "over")
        assert len((await courier.round()).delivered) == 1


def test_a_key_file_is_named_by_nothing_that_tells_whose_it_is(tmp_path: Path) -> None:
    Vault(tmp_path).seal("webhook/wh-1", "wh-1", b"x")
    assert "wh-1" not in next(tmp_path.iterdir()).name
