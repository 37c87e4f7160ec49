"""Conditions that only European law asks for."""

from typing import Final

from policies.conditions.condition import Condition

CONDITIONS: Final[tuple[Condition, ...]] = ()
