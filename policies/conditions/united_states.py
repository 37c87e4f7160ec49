"""Conditions that only the law of the United States, of a state or of a city asks for."""

from typing import Final

from policies.conditions.condition import Condition

CONDITIONS: Final[tuple[Condition, ...]] = ()
