"""A small running world for the stories: the demo's cast on a real service, spoken to over HTTP. Nothing in it is a stand-in."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from gateway.app import create_app
from gateway.assembly.request_path import Assembly
from gateway.assembly.service import assemble
from gateway.cli.demo.cast import CASE, GALLERY, NGO, POLICE, PORTRAITS, PROBE, REVIEWER, SUBJECTS, Seeding
from gateway.cli.demo.scenes import LIVE, STILL, Story
from gateway.cli.demo.stage import Stage
from gateway.settings import read_settings

__all__ = ["CASE", "GALLERY", "LIVE", "NGO", "POLICE", "PROBE", "REVIEWER", "STILL", "SUBJECTS", "Town", "running_town"]

SEEKING = {
    "custodes-purpose": "missing_person",
    "custodes-case": f'"{CASE}"',
    "custodes-gallery": f'"{GALLERY}"',
    "custodes-capture": STILL,
}


@dataclass(frozen=True, slots=True)
class Town:
    """The service and a way to speak to it."""

    house: Assembly
    web: httpx2.AsyncClient

    def token(self, who: str) -> str:
        """Return a bearer token of the built-in issuer."""
        return self.house.registry.issuer.mint(who).access_token

    async def send(self, path: str, who: str, said: dict[str, str], image: bytes | str = PROBE, kind: str | None = None) -> httpx2.Response:
        """Post an image: bytes, or the name of a portrait."""
        content = image if isinstance(image, bytes) else (PORTRAITS / image).read_bytes()
        kind = kind or ("image/png" if content.startswith(b"\x89PNG") else "image/jpeg")
        return await self.web.post(
            path, headers={"authorization": f"Bearer {self.token(who)}", "content-type": kind, **said}, content=content
        )

    async def search(self, who: str = NGO, image: bytes | str = PROBE, **changes: str | None) -> httpx2.Response:
        """Search for the missing person, with some of the declaration changed (`None` leaves it out)."""
        said: dict[str, str] = dict(SEEKING)
        for name, value in changes.items():
            header = f"custodes-{name}"
            said.pop(header, None)
            if value is not None:
                said[header] = value
        return await self.send("/v1/searches", who, said, image)

    async def get(self, path: str, who: str | None = None) -> httpx2.Response:
        """Get a path, as somebody or as nobody."""
        return await self.web.get(path, headers={} if who is None else {"authorization": f"Bearer {self.token(who)}"})

    async def post(self, path: str, who: str, document: object) -> httpx2.Response:
        """Post JSON."""
        return await self.web.post(path, headers={"authorization": f"Bearer {self.token(who)}"}, json=document)

    @property
    def calls(self) -> int:
        """The recogniser's own count of orders."""
        return self.house.readiness.workers.calls

    def entry(self, index: int) -> dict[str, Any]:
        """Return a log entry."""
        entry: dict[str, Any] = json.loads(self.house.log.entry(index))
        return entry

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return all entries, or those of a kind."""
        found = [json.loads(raw) for raw in self.house.log.entries(0, self.house.log.size)]
        return [entry for entry in found if kind in (None, entry["kind"])]

    async def confirm(self, decision_id: str, said: str = "same") -> httpx2.Response:
        """Let the reviewer claim and judge the result of a decision."""
        waiting = (await self.get("/v1/reviews", REVIEWER)).json()["reviews"]
        review = next(review for review in waiting if review["decision_id"] == decision_id)
        claimed = await self.post(f"/v1/reviews/{review['review']}/claim", REVIEWER, {})
        assert claimed.status_code == 200, claimed.text
        return await self.post(f"/v1/reviews/{review['review']}/judgements", REVIEWER, judgement(review["candidates"], said))


def judgement(candidates: int, said: str = "same") -> dict[str, object]:
    """Return what a reviewer sends who says the same of every candidate, and what it rests on."""
    return {"judgements": [{"judgement": said, "features": ["ears", "nose"]}] * candidates}


@asynccontextmanager
async def running_town(home: Path, wires: dict[str, int] | None = None, **settings: str) -> AsyncIterator[Town]:
    """Start a seeded service without a socket: requests go straight into the application."""
    # One town serves many stories, which try many purposes under its one case; test_tripwires.py has the wires as they come.
    _set_wires(home, wires or dict.fromkeys(("purposes", "climbs", "frames", "people", "crowds"), 0))
    _set_sketch_key(home)
    async with assemble(read_settings({"CUSTODES_CALIBRATION_PERCENT": "0"} | settings, home=home, port=8080)) as house:
        transport = httpx2.ASGITransport(app=create_app(house), raise_app_exceptions=True)
        async with httpx2.AsyncClient(transport=transport, base_url=house.settings.url) as web:
            seeding = Seeding(house)
            if await seeding.everyone():
                await seeding.gallery()
                await Story(house, web, Stage(as_json=True)).enrol()
            yield Town(house, web)


def _set_sketch_key(home: Path) -> None:
    """Under a key by chance, two people's sketches are now and then as near as one person's; a story has the same people each time."""
    keys = home / "keys"
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    (keys / "sketch.key").write_text("2a" * 32)
    (keys / "sketch.key").chmod(0o600)


def _set_wires(home: Path, wires: dict[str, int]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "tripwires.json").write_text(json.dumps(wires))
