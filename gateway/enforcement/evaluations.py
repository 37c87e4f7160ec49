"""Answer AuthZEN evaluations from the same judge and the same facts as every request. Never wakes the recogniser; knows no HTTP."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.enforcement.answers import Checked
from gateway.enforcement.dialect import EvaluationMalformed, Question
from gateway.enforcement.facts import FactsRefused
from gateway.enforcement.pipeline import BY_GATEWAY, Pipeline, new_decision_id
from gateway.errors import CustodesError
from gateway.identity.callers import Caller
from gateway.records import entries
from gateway.registry.errors import NotOnRecord
from gateway.registry.lookups import View
from policies.decision import Permit, Reason, Refusal
from policies.facts import Facts

# The people who may ask about any client: who writes, approves or audits the rules, and who grants the licences.
ASKING_ROLES: Final = frozenset({"auditor", "policy_approver", "policy_author", "registrar"})
NOBODY: Final = "unknown"


class Semantic(StrEnum):
    """When a batch ends early."""

    ALL = "execute_all"
    UNTIL_DENY = "deny_on_first_deny"
    UNTIL_PERMIT = "permit_on_first_permit"

    def ends_with(self, verdict: Permit | Refusal) -> bool:
        """Say whether nothing after this answer is asked."""
        return self is (Semantic.UNTIL_PERMIT if isinstance(verdict, Permit) else Semantic.UNTIL_DENY)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A policy decision point: questions in, answers out, each in the log before it is given."""

    pipeline: Pipeline

    @staticmethod
    def may_ask(asker: Caller) -> bool:
        """Say whether the caller may ask at all: a client about itself, some people about any."""
        return asker.kind == "client" or not asker.roles.isdisjoint(ASKING_ROLES)

    async def evaluate(
        self, asker: Caller, view: View, asked: Sequence[Question | EvaluationMalformed], semantic: Semantic = Semantic.ALL
    ) -> list[Checked]:
        """Answer the questions in their order, all under one view of the registry and so under one rulebook.

        What could not be read is answered as refused. Raises AuditUnavailable, and then answers nothing."""
        answers: list[_Answer] = []
        for question in asked:
            answers.append(self._answer(asker, view, question))
            if semantic.ends_with(answers[-1].verdict):
                break
        return list(await asyncio.gather(*(self._recorded(asker, answer) for answer in answers)))

    def _answer(self, asker: Caller, view: View, question: Question | EvaluationMalformed) -> "_Answer":
        if isinstance(question, EvaluationMalformed):
            return self._refused(asker, view, question)
        client = question.client
        # A client asks about itself. Of another it learns no more than of one that does not exist.
        if client is None or (asker.kind == "client" and client != asker.id):
            return self._refused(asker, view, NotOnRecord("client"))
        if question.strange is not None:
            return self._refused(asker, view, NotOnRecord("resource"))
        try:
            assembled = self.pipeline.facts.of(client, question.declaration, view)
        except (NotOnRecord, FactsRefused) as fault:
            return self._refused(asker, view, fault)
        verdict, by = self.pipeline.judged(assembled)
        return _Answer(client, assembled.facts, verdict, by)

    def _refused(self, asker: Caller, view: View, fault: CustodesError) -> "_Answer":
        client = asker.id if asker.kind == "client" else NOBODY
        facts = Facts.from_json({"client": {"id": client}}, at=self.pipeline.clock.now())
        reason = Reason(fault.code, BY_GATEWAY, "", fault.sentence)
        return _Answer(client, facts, Refusal(fault.code, (reason,), (), self.pipeline.bench.judge(view).rulebook.digest), BY_GATEWAY)

    async def _recorded(self, asker: Caller, answer: "_Answer") -> Checked:
        decision_id = new_decision_id()
        record = entries.check(
            at=self.pipeline.clock.now(),
            decision_id=decision_id,
            client=answer.client,
            facts=answer.facts,
            verdict=answer.verdict,
            by=answer.by,
            asked_by=asker.id if asker.kind == "staff" else None,
        )
        return Checked(decision_id, await self.pipeline.journal.write(record), answer.verdict)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that is not in the log yet."""

    client: str
    facts: Facts
    verdict: Permit | Refusal
    by: str
