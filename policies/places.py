"""Say whether a place of use exists and what contains it, in ISO 3166 codes with a city part. Knows no maps."""

import re
from typing import Final

from policies.vocabulary import Vocabulary

_SHAPE: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3}(-[A-Z0-9]{2,40})?)?", re.ASCII)


def known_place(place: str, words: Vocabulary) -> bool:
    """True if this is a place where something can happen: a country, a subdivision, or a part of one."""
    if not _SHAPE.fullmatch(place):
        return False
    country, *rest = place.split("-")
    if country not in words.countries:
        return False
    closed = words.subdivisions.get(country)
    return not (rest and closed is not None and rest[0] not in closed)


def known_area(area: str, words: Vocabulary) -> bool:
    """True if a rule may be bound to this: a place, or a group of countries such as EU."""
    return area in words.place_groups or known_place(area, words)


def inside(place: str, area: str, words: Vocabulary) -> bool:
    """True if `area` is or contains `place`. `*` contains everything, also no place at all; nothing else contains no place."""
    if area == "*":
        return True
    if not place:
        return False
    group = words.place_groups.get(area)
    if group is not None:
        return place[:2] in group
    return place == area or place.startswith(area + "-")


def within(place: str, whole: str) -> bool:
    """True if `whole` is a place, and `place` is it or a part of it. A group or `*` is no place: no paper is issued for one."""
    return bool(place) and (place == whole or place.startswith(whole + "-"))


def open_to(place: str, area: str) -> bool:
    """True if nobody can tell whether `place` lies in `area`: there is no place, or one that contains the area."""
    return not place or area.startswith(place + "-")


def areas_of(place: str, words: Vocabulary) -> tuple[str, ...]:
    """Every area that contains `place`, itself included and `*` last: where a rule must be written down to reach it."""
    if not place:
        return ("*",)
    parts = place.split("-")
    own = ["-".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
    groups = [name for name, members in words.place_groups.items() if place[:2] in members]
    return (*own, *groups, "*")
