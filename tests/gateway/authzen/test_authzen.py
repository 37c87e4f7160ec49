"""The AuthZEN door passes the certification's scenario on a running service, believes nobody about themselves, and logs each question."""

import json
from collections.abc import AsyncIterator

import pytest

from gateway.enforcement.dialect import Dialect, DialectRefused, EvaluationMalformed
from tests.gateway.authzen.pdp import certified
from tests.gateway.authzen.scenario import ADMIN, ALICE, ARCHIVED, BOB, ONE, READ, TWO, WRITE, ask, batches, singles

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def pdp(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[object]:
    async with certified(tmp_path_factory.mktemp("pdp")) as (runner, house):
        yield Asked(runner, house)


class Asked:
    """The decision point, asked by whom we like."""

    def __init__(self, runner, house):
        self.runner, self.house = runner, house

    async def __call__(self, body, who="auditor-1", path="/access/v1/evaluation", **headers):
        token = self.house.registry.issuer.mint(who).access_token
        return await self.runner.web.post(
            self.runner.base + path,
            content=json.dumps(body),
            headers={"authorization": f"Bearer {token}", "content-type": "application/json", **headers},
        )

    def entries(self, start):
        return [json.loads(raw) for raw in self.house.log.entries(start, self.house.log.size)]


async def test_the_scenario_of_the_certification_passes_at_basic_batch_and_discovery(pdp):
    assert len([*singles(), *batches()]) > 50
    assert await pdp.runner.faults() == []


async def test_every_evaluation_stands_in_the_log_before_it_is_answered(pdp):
    before = pdp.house.log.size
    answer = (await pdp(ask())).json()
    (entry,) = pdp.entries(before)
    assert (entry["kind"], entry["client"], entry["answer"]["decision"]) == ("check", "alice", "permit")
    assert (entry["decision_id"], before) == (answer["context"]["decision_id"], answer["context"]["log_index"])
    # The person who asked stands there as a commitment.
    assert entry["asked_by"].startswith("commitment:")


async def test_a_batch_that_ends_early_logs_what_it_answered_and_no_more(pdp):
    before = pdp.house.log.size
    batch = {"evaluations": [ask(BOB, WRITE), ask(), ask()], "options": {"evaluations_semantic": "deny_on_first_deny"}}
    answer = await pdp(batch, path="/access/v1/evaluations")
    assert [item["decision"] for item in answer.json()["evaluations"]] == [False]
    assert len(pdp.entries(before)) == 1


async def test_all_answers_of_a_batch_are_of_one_rulebook(pdp):
    answer = await pdp({"evaluations": [ask(), ask(BOB, WRITE), {}]}, path="/access/v1/evaluations")
    assert len({item["context"]["rulebook"] for item in answer.json()["evaluations"]}) == 1


async def test_a_permit_carries_its_obligations_and_a_deny_its_reasons(pdp):
    permit, deny = (await pdp(ask())).json(), (await pdp(ask(action=WRITE, resource=ARCHIVED))).json()
    assert [(duty["id"], duty["type"]) for duty in permit["context"]["obligations"]] == [("log_use", "custom")]
    assert {reason["rule"] for reason in deny["context"]["reasons"]} == {"OWN-1"}
    told = (await pdp.runner.web.get(pdp.runner.base + "/.well-known/authzen-configuration")).json()
    assert "log_use" in told["supported_obligations"]


async def test_a_client_learns_of_another_what_it_learns_of_nobody(pdp):
    assert (await pdp(ask(), who="alice")).json()["decision"] is True
    foreign, absent = (await pdp(ask(BOB), who="alice")).json(), (await pdp(ask({"type": "user", "id": "carol"}), who="alice")).json()
    assert foreign["decision"] is absent["decision"] is False
    assert foreign["context"]["code"] == absent["context"]["code"] == "unknown-client"
    assert foreign["context"]["reasons"] == absent["context"]["reasons"]


@pytest.mark.parametrize("role", ["admin", "registrar", "border_agency"])
async def test_what_a_subject_says_of_itself_counts_for_nothing(pdp, role):
    said = {**ALICE, "properties": {"role": role, "kind": "border_agency", "licence": ["access_control:enroll"]}}
    assert (await pdp(ask(said, WRITE, ARCHIVED))).json()["decision"] is False
    assert (await pdp(ask({**BOB, "properties": {"role": role}}, WRITE, ONE))).json()["decision"] is False


@pytest.mark.parametrize("member", ["client", "licence", "authorisations", "review", "evidence", "vendor_approval"])
async def test_what_the_gateway_knows_itself_is_taken_from_no_context(pdp, member):
    before = pdp.house.log.size
    said = {member: {"kind": "border_agency"}}
    assert (await pdp(ask(action=WRITE, resource={**ARCHIVED, "properties": {"status": "archived", **said}}, context=said))).json()[
        "decision"
    ] is False
    (entry,) = pdp.entries(before)
    assert entry["facts"]["request"]["client"]["kind"] == "company"


async def test_an_unknown_type_of_subject_or_resource_or_action_is_a_deny_and_no_error(pdp):
    for strange in (ask({"type": "robot", "id": "alice"}), ask(resource={"type": "spaceship", "id": "x"}), ask(action={"name": "dream"})):
        answer = await pdp(strange)
        assert (answer.status_code, answer.json()["decision"]) == (200, False)


async def test_our_own_words_serve_beside_the_operators(pdp):
    said = ask(
        {"type": "client", "id": "alice"},
        {"name": "verify", "properties": {"purpose": "access_control"}},
        {"type": "gallery", "id": "record-1"},
    )
    said["context"] = {"capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400}}
    assert (await pdp(said, who="alice")).json()["decision"] is True
    said["context"] = {"purpose": "mass_surveillance"}
    assert (await pdp(said, who="alice")).status_code == 400
    said["action"] = {"name": "verify"}
    assert (await pdp(said, who="alice")).json()["context"]["code"] == "purpose-prohibited"


async def test_nobody_asks_unless_they_are_known_and_may(pdp):
    before = pdp.house.log.size
    answer = await pdp.runner.web.post(pdp.runner.base + "/access/v1/evaluation", json=ask(), headers={"x-request-id": "r-1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (401, "r-1")
    assert [entry["kind"] for entry in pdp.entries(before)] == ["authn-denied"]
    assert (await pdp(ask(), who="looker")).status_code == 403
    assert pdp.entries(before)[-1]["kind"] == "access-denied"


async def test_a_malformed_question_of_a_known_caller_is_logged_too(pdp):
    before = pdp.house.log.size
    answer = await pdp({"subject": "alice"})
    assert (answer.status_code, answer.json()["field"]) == (400, "subject")
    assert pdp.entries(before)[0]["answer"]["code"] == "evaluation-malformed"


@pytest.mark.parametrize(
    "batch",
    [{"evaluations": {}}, {"evaluations": [{}] * 101}, {"evaluations": [ask()], "options": {"evaluations_semantic": "maybe"}},
     {"evaluations": [ask()], "options": []}, {"subject": "alice", "evaluations": [ask()]}],
)  # fmt: skip
async def test_a_batch_that_is_malformed_as_a_whole_is_a_400(pdp, batch):
    assert (await pdp(batch, path="/access/v1/evaluations")).status_code == 400


async def test_an_item_that_is_malformed_is_a_deny_in_its_place(pdp):
    batch = {"evaluations": [ask(), "text", ask(ADMIN, WRITE, ARCHIVED), {"subject": 5}]}
    answer = await pdp(batch, path="/access/v1/evaluations")
    assert [item["decision"] for item in answer.json()["evaluations"]] == [True, False, True, False]


@pytest.mark.parametrize(
    "text",
    ["subjects = 5", "[resources]\nrecord = 'person'", "[actions]\nread = {}", "[properties]\n'subject.role' = 'context.role'",
     "[properties]\n'action.soft' = 'client.kind'", "[properties]\n'action.soft' = 'case.annex_ii'", "[dreams]\na = 1", "="],
)  # fmt: skip
def test_words_that_cannot_be_used_stop_the_start(tmp_path, text):
    (tmp_path / "authzen.toml").write_text(text)
    with pytest.raises(DialectRefused):
        Dialect.at(tmp_path / "authzen.toml")


@pytest.mark.parametrize(
    "rubbish", [None, [], 5, {"id": 5}, {"type": "user", "id": ""}, {"type": "user", "id": "x" * 300}, {"type": [], "id": {}}]
)
def test_rubbish_where_a_subject_belongs_is_malformed_and_nothing_else(rubbish):
    with pytest.raises(EvaluationMalformed):
        Dialect().question(ask(rubbish) | {"subject": rubbish, "action": READ, "resource": TWO})
