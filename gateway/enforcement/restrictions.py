"""Restrict what is held about a person or a case, answer for it in time, and lift it again by another person's act. Searches nothing.

While a restriction stands: nothing is searched under the case; the person is passed over in the gallery, compared with nobody and enrolled
no further; no result that names them, or is of the case, is given out; and nothing of it is erased, for what is restricted is kept."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from engine.faces import Answer
from engine.orders import SubjectReference
from gateway.enforcement.duties.desk import GATEWAY, described
from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.errors import CustodesError
from gateway.registry import fields
from gateway.registry.duties import Duties, Promise
from gateway.registry.errors import StateForbids
from gateway.registry.restrictions import Restriction, Restrictions, Scope
from gateway.registry.timekeeping import Timekeeping

REGISTRAR: Final = "registrar"
ANSWER: Final = "answer_restriction"
ANSWER_WITHIN: Final = timedelta(days=30)  # Art. 12(3): one month of receipt


class ResultRestricted(CustodesError):
    """The result may not be given out while a restriction stands; it is kept."""

    code = "result-restricted"

    def __init__(self) -> None:
        super().__init__("Somebody whom this result concerns has asked for restriction; it is kept, and not given out while that stands.")


@dataclass(frozen=True, slots=True)
class RestrictedResults:
    """Says of results that were found before whether they may be given out now. Blocks."""

    restrictions: Restrictions

    def must_not_reach(self, case: str, answer: Answer, compared: SubjectReference | None = None) -> None:
        """Raise ResultRestricted if the case (client and reference, as results are filed), somebody found, or whoever the image was
        compared with, is restricted: that they are not alike is said of them, too."""
        client, _, reference = case.partition("/")
        of_subjects = answer.gallery is not None and self.of_subjects(answer.gallery, [found.subject for found in answer.candidates])
        of_subjects = of_subjects or (compared is not None and self.of_subjects(compared.gallery, [compared.subject]))
        if of_subjects or self.restrictions.stands(Scope(client=client, case_ref=reference)):
            raise ResultRestricted

    def of_subjects(self, gallery: str, subjects: Iterable[str]) -> bool:
        """Say whether one of these people of a gallery is restricted."""
        return any(self.restrictions.stands(Scope(gallery=gallery, subject=subject)) for subject in dict.fromkeys(subjects))


@dataclass(frozen=True, slots=True)
class RestrictionDesk:
    """The desk for restrictions. Every method blocks for a commit; it raises what Registrar.give() and take() raise."""

    registrar: Registrar
    restrictions: Restrictions
    duties: Duties
    time: Timekeeping

    def place(self, actor: Actor, role: str, scope: Scope, why: str) -> Done[Restriction]:
        """Restrict at once; that the person is owed an answer is on record from then on, due within thirty days."""
        _ = scope.about  # malformed scopes are refused before anything is recorded
        restriction_id = f"restriction-{secrets.token_hex(8)}"
        named = {"client": scope.client, "case_ref": scope.case_ref, "gallery": scope.gallery, "subject": scope.subject}
        said = {"restriction": restriction_id, "why": why} | {name: value for name, value in named.items() if value is not None}
        done = self.registrar.take(actor, role, "restriction", "placed", said)
        placed = self.restrictions.get(restriction_id)
        self.owe_answers([placed])
        return Done(placed, done.receipt)

    def lift(self, actor: Actor, restriction_id: str, reason: str) -> Done[Restriction]:
        """End a restriction: by a registrar who did not place it, with a reason. The person is told before (Art. 18(3))."""
        told = fields.text("reason", reason)
        return self.registrar.give(
            actor,
            REGISTRAR,
            "restriction",
            "lifted",
            lambda: self.restrictions.lift(restriction_id, actor.name, self.time.now()),
            lambda lifted: _told(lifted) | {"reason": told},
        )

    def owe_answers(self, standing: Iterable[Restriction]) -> None:
        """See to it that each person's answer is owed: a process may have died between the restriction and its duty."""
        for restriction in standing:
            promise = Promise(
                kind=ANSWER,
                slug=f"{ANSWER}_{ANSWER_WITHIN.days}d",
                name=f"{ANSWER}/{restriction.id}",
                client=restriction.client,
                case_ref=restriction.case_ref,
                decision_id="",
                about={"restriction": restriction.id},
                due_at=restriction.placed_at + ANSWER_WITHIN,
            )
            if self.duties.was_owed(promise.name):
                continue
            try:
                self.registrar.give(GATEWAY, None, "duty", "owed", partial(self.duties.owe, promise, self.time.now()), described)
            except StateForbids:
                continue  # another process was a moment faster


def _told(restriction: Restriction) -> dict[str, object]:
    named: dict[str, object] = {"case_ref": restriction.case_ref, "gallery": restriction.gallery, "subject": restriction.subject}
    return {"restriction": restriction.id, "client": restriction.client} | {name: value for name, value in named.items() if value}
