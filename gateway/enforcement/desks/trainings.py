"""Record who was trained to compare faces, and take it back: a registrar does it, and never for themselves. Decides no review.

Every step blocks for a commit; it raises what Registrar.give() and take() raise."""

from dataclasses import dataclass

from gateway.clock import iso
from gateway.enforcement.desks.people import REGISTRAR
from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.registry.trainings import Training, Trainings


@dataclass(frozen=True, slots=True)
class TrainingDesk:
    """The registrar's desk for what reviewers have learnt."""

    registrar: Registrar
    trainings: Trainings

    def record(self, actor: Actor, training: Training) -> Done[Training]:
        """Put a training on record, with its end. Raises SamePerson for the trained person's own word."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "staff-change",
            "training-recorded",
            lambda: self.trainings.record(training, actor.name),
            lambda made: {
                "person": made.person,
                "training": made.id,
                "what": made.what,
                "valid_from": iso(made.valid_from),
                "valid_to": iso(made.valid_to),
            },
        )

    def withdraw(self, actor: Actor, person: str, training_id: str) -> Done[Training]:
        """Let a training count no more, from the next claim or judgement on."""
        done = self.registrar.take(actor, REGISTRAR, "staff-change", "training-withdrawn", {"person": person, "training": training_id})
        return Done(self.trainings.get(person, training_id), done.receipt)
