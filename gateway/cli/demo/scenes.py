"""The story: scenes told by what the running service answers over HTTP. Nothing in it is made up beforehand."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2

from gateway.assembly.request_path import Assembly
from gateway.cli.demo.cast import CASE, GALLERY, NGO, POLICE, PORTRAITS, PROBE, REVIEWER, SUBJECTS
from gateway.cli.demo.insider import tamper
from gateway.cli.demo.stage import Stage
from gateway.cli.policies import STANCES, answer_of, table_of
from gateway.registry.rulebook import text_of

STILL: Final = "source=upload, device=none, space=none, age_s=86400, subject_involved=?0"
LIVE: Final = "source=live_feed, device=fixed, space=public, age_s=0, subject_involved=?0"


CHILD: Final = {
    "at": "2026-11-22T10:00:00Z",
    "client": {"kind": "police_local", "place": "US-OR"},
    "operation": "identify",
    "purpose": "missing_person",
    "capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False},
    "target": {"kind": "specific_person", "role": "missing", "minor": True},
    "case": {"ref": CASE},
    "gallery": {"id": GALLERY, "provenance": "missing_person_reports"},
    "place": "US-OR",
    "threshold_pct": 99.0,
    "review": {"reviewers": [REVIEWER], "trained": True},
    "evidence": {"bias_test_audited": True},
}


class StoryBroken(RuntimeError):
    """The service did not answer as the story says; the demo ends with exit code 1."""


@dataclass(frozen=True, slots=True)
class Story:
    """Tells the four scenes on a running service."""

    house: Assembly
    web: httpx2.AsyncClient
    stage: Stage
    calls_before: int = 0
    _refused: list[int] = field(default_factory=list)

    async def enrol(self) -> None:
        """Enrol the test subjects, as the aid organisation would: through the gateway."""
        for subject, portrait in SUBJECTS.items():
            said = {"custodes-purpose": "missing_person", "custodes-subject": f'"{subject}"', "custodes-capture": STILL}
            answer = await self._send(f"/v1/galleries/{GALLERY}/subjects", NGO, said, portrait)
            _expect(answer, 200, f"the enrolment of {subject}")

    async def a_permitted_search(self) -> None:
        """(a) An aid organisation seeks a missing person; a person looks before anything is released."""
        stage = self.stage
        stage.scene("a", "An aid organisation seeks a missing person")
        answer = await self._send("/v1/searches", NGO, _seeking(CASE), PROBE)
        held = _expect(answer, 202, "the permitted search")
        stage.good(f"Permitted, and held for review: {', '.join(duty['id'] for duty in held['obligations'])}.")
        stage.tell(f"decision {held['decision_id']}, log entry {held['log_index']}")
        review = await self._review(held["decision_id"])
        stage.tell(f"{REVIEWER}, whose training is on record, judges the one candidate, without seeing the score.")
        looked = {"judgement": "same", "features": ["ears", "nose", "chin"]}
        judged = await self._post(f"/v1/reviews/{review['review']}/judgements", REVIEWER, {"judgements": [looked] * review["candidates"]})
        _expect(judged, 200, "the judgement")
        result = _expect(await self._get(held["result"], NGO), 200, "the released result")
        found = result["candidates"][0]
        stage.good(
            f"Released: {found['subject']} at similarity {found['similarity']:.4f} "
            f"(expected false candidates in this gallery of {result['gallery_size']}: {found['expected_false_candidates']:.2g})."
        )
        stage.tell(result["label"])
        stage.fact("a", decision_id=held["decision_id"], status=result["status"], candidate=found["subject"], calls=self._calls())

    async def a_refused_purpose(self) -> None:
        """(b) Police ask for mass surveillance by a live camera."""
        stage = self.stage
        stage.scene("b", "Police ask for mass surveillance by a live camera")
        before = self._calls()
        said = {
            "custodes-operation": "live_identify",
            "custodes-purpose": "mass_surveillance",
            "custodes-capture": LIVE,
            "custodes-target": "kind=anyone",
            "custodes-gallery": f'"{GALLERY}"',
        }
        refused = _expect(await self._send("/v1/searches", POLICE, said, PROBE), 403, "mass surveillance")
        stage.refused(refused["detail"])
        stage.tell(f"rule {refused['reasons'][0]['rule']} of pack {refused['reasons'][0]['pack']}; decision {refused['decision_id']}")
        if self._calls() != before:
            raise StoryBroken("the recogniser was woken by a refused request")
        stage.tell(f"recogniser calls so far: {self._calls()}")
        stage.fact("b", decision_id=refused["decision_id"], code=_code(refused), calls=self._calls())

    async def a_reworded_purpose(self) -> None:
        """(c) The same police re-word it."""
        stage = self.stage
        stage.scene("c", "The same police re-word it")
        respelt = _seeking(None) | {"custodes-purpose": "Missing_Person"}
        first = _expect(await self._send("/v1/searches", POLICE, respelt, PROBE), 403, "a re-spelt purpose")
        stage.refused(f"`Missing_Person`: {first['detail']} (decision {first['decision_id']})")
        second = _expect(await self._send("/v1/searches", POLICE, _seeking(None), PROBE), 403, "a purpose without a case")
        stage.refused(f"`missing_person`, no case: {second['detail']} (decision {second['decision_id']})")
        stage.tell(f"What would be needed: {', '.join(second['needed'])}")
        stage.tell(f"recogniser calls so far: {self._calls()}")
        stage.fact(
            "c", decision_ids=[first["decision_id"], second["decision_id"]], codes=[_code(first), _code(second)], needed=second["needed"]
        )
        self._refused.append(int(second["log_index"]))

    async def an_insider(self, place: Path) -> None:
        """(d) Somebody with the database rewrites one row of the past."""
        stage = self.stage
        stage.scene("d", "An insider with the database rewrites the past")
        index = self._refused[-1]
        texts = text_of(self.house.registry.rulebooks)
        seen = tamper(self.house.log, texts, self.house.settings, place, index, b'"decision":"refusal"', b'"decision":"permit"')
        if not seen.honest.ok or seen.altered.ok:
            raise StoryBroken("the verification did not tell the honest log from the altered one")
        stage.good(f"The exported log verifies: {seen.honest.size} entries, from the bytes and one key alone.")
        stage.tell(f"In a copy, entry {index} is altered: the refusal becomes a permit.")
        found = seen.altered.first
        if found is None or found.index != index:
            raise StoryBroken("the verification did not name the altered entry")
        stage.refused(f"Verification of the copy: {found.line()}")
        stage.refused(f"And a service that is started on it refuses: {seen.at_start}.")
        stage.fact("d", verified=seen.honest.size, altered=index, found=found.index, export=str(place / "export"))

    def four_stances(self) -> None:
        """(e) What four companies promised in June 2020, and after, about one and the same request."""
        stage = self.stage
        stage.scene("e", "One request, US police seek a missing child, under each company's promise")
        answers = [answer_of(pack, CHILD) for pack in STANCES]
        if not stage.as_json:
            stage.console.print(table_of(answers))
        stage.fact("e", answers={answer["pack"]: answer["decision"] for answer in answers})

    def _calls(self) -> int:
        """The recogniser's own count since the story began."""
        return self.house.readiness.workers.calls - self.calls_before

    async def _review(self, decision_id: str) -> dict[str, Any]:
        waiting = _expect(await self._get("/v1/reviews", REVIEWER), 200, "the list of reviews")
        review = next(review for review in waiting["reviews"] if review["decision_id"] == decision_id)
        return _expect(await self._post(f"/v1/reviews/{review['review']}/claim", REVIEWER, {}), 200, "the claim")

    async def _send(self, path: str, who: str, said: dict[str, str], portrait: str) -> httpx2.Response:
        kind = "image/png" if portrait.endswith(".png") else "image/jpeg"
        headers = {"content-type": kind, **self._token(who), **said}
        return await self.web.post(path, headers=headers, content=(PORTRAITS / portrait).read_bytes())

    async def _post(self, path: str, who: str, document: dict[str, Any]) -> httpx2.Response:
        return await self.web.post(path, headers=self._token(who), json=document)

    async def _get(self, path: str, who: str) -> httpx2.Response:
        return await self.web.get(path, headers=self._token(who))

    def _token(self, who: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.house.registry.issuer.mint(who).access_token}"}


def _seeking(case: str | None) -> dict[str, str]:
    said = {
        "custodes-purpose": "missing_person",
        "custodes-gallery": f'"{GALLERY}"',
        "custodes-target": "kind=specific_person, role=missing",
        "custodes-capture": STILL,
    }
    return said if case is None else said | {"custodes-case": f'"{case}"'}


def _expect(answer: httpx2.Response, status: int, what: str) -> dict[str, Any]:
    if answer.status_code != status:
        raise StoryBroken(f"{what} was answered with {answer.status_code}, not {status}: {answer.text[:400]}")
    document: dict[str, Any] = answer.json()
    return document


def _code(problem: dict[str, Any]) -> str:
    return str(problem["type"]).rpartition(":")[2]
