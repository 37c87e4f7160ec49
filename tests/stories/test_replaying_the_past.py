"""`policies replay` puts the recorded past to another rulebook, from a home or an export: newly allowed first, each with its records."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.audit import app as audit
from gateway.cli.policies import app as policies
from tests.stories.test_changing_the_rules import ROLES, STRICT, drafted, lived
from tests.stories.town import NGO, POLICE, running_town

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Past:
    """A home, its export, and what was answered: a search before a stricter rulebook, and two after it."""

    home: Path
    export: Path
    permitted: str
    refused: tuple[str, str]

    def replay(self, *arguments: object) -> tuple[int, str]:
        """Run `policies replay` and return its exit code and what it said."""
        ended = CliRunner().invoke(policies, ["replay", *map(str, arguments)])
        return ended.exit_code, ended.output


@pytest.fixture(scope="module")
async def past(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    home = tmp_path_factory.mktemp("past")
    async with running_town(home) as town:
        for person, roles in ROLES.items():
            town.house.registry.staff.redeem(town.house.registry.staff.invite(person, person, roles, "test").secret)
        permitted = (await town.search(NGO)).json()["decision_id"]
        await town.search(POLICE, purpose="mass_surveillance")
        await lived(town, await drafted(town, STRICT))
        refused = [(await town.search(NGO)).json()["decision_id"] for _ in range(2)]
    (home / "strict.json").write_text(json.dumps(STRICT), "utf-8")
    ended = CliRunner().invoke(audit, ["export", str(home / "copy"), "--home", str(home)])
    assert ended.exit_code == 0, ended.output
    yield Past(home, home / "copy", permitted, (refused[0], refused[1]))


def test_what_the_live_rulebook_refuses_now_is_named_and_each_reading_is_in_the_log(past: Past) -> None:
    for name in ("live", past.home / "strict.json"):
        code, said = past.replay(name, "--home", past.home, "--json")
        groups = json.loads(said)["groups"]
        assert (code, {group["change"] for group in groups}) == (1, {"newly-refused"})
        (searches,) = (group for group in groups if group["operation"] == "identify")
        assert [link["decision_id"] for link in searches["links"]] == [past.permitted]
    again = CliRunner().invoke(audit, ["export", str(past.home / "later"), "--home", str(past.home)])
    assert again.exit_code == 0, again.output
    entries = [json.loads(line) for line in (past.home / "later" / "entries.jsonl").read_text("utf-8").splitlines()]
    assert sum(entry["kind"] == "log-read" and "replay" in str(entry) for entry in entries) == 2


@pytest.mark.parametrize("source", ["home", "export"])
def test_what_would_be_newly_allowed_leads_to_its_records(past: Past, source: str) -> None:
    where = ("--home", past.home) if source == "home" else ("--export", past.export)
    code, said = past.replay("baseline", *where, "--json")
    found = json.loads(said)
    assert (code, found["groups"][0]["change"]) == (1, "newly-allowed")
    links = found["groups"][0]["links"]
    assert {link["decision_id"] for link in links} == set(past.refused)
    lines = (past.export / "entries.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(lines[link["index"]])["decision_id"] for link in links] == [link["decision_id"] for link in links]
    told = past.replay("baseline", *where, "--most", 1)[1]
    assert told.startswith("newly-allowed: 2 × missing_person by ")
    assert "and 1 more; --most or --json names them" in told


def test_a_replay_over_a_damaged_record_stops_and_says_where(past: Past, tmp_path: Path) -> None:
    copy = tmp_path / "damaged"
    shutil.copytree(past.export, copy)
    (bundle,) = (path for path in (copy / "tile" / "entries").rglob("*") if path.is_file())
    raw = bundle.read_bytes()
    at = raw.index(past.refused[1].encode())
    index = json.loads(past.replay("baseline", "--export", copy, "--json")[1])["groups"][0]["links"][1]["index"]
    bundle.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    code, said = past.replay("baseline", "--export", copy)
    assert code == 2
    assert f"entry {index}" in said
    bundle.unlink()
    code, said = past.replay("baseline", "--export", copy)
    assert (code, "entries from 0 on cannot be read" in said) == (2, True)


@pytest.mark.parametrize("named", ["draft-nobody", "0" * 64, "baseline+no-such-pack", "nothing.json"])
def test_a_rulebook_that_is_none_is_a_sentence_and_exit_code_2(past: Past, named: str) -> None:
    code, said = past.replay(named, "--home", past.home)
    assert code == 2
    assert "Traceback" not in said
    assert said.strip()


def test_a_folder_that_is_no_export_is_a_sentence_and_exit_code_2(past: Past, tmp_path: Path) -> None:
    code, said = past.replay("baseline", "--export", tmp_path)
    assert (code, "checkpoint" in said) == (2, True)
