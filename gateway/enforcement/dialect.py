"""Read an AuthZEN evaluation (subject, action, resource, context) as a question of ours. Decides nothing; a subject is not asked who it is.

docs/api.md says which part becomes which fact. An operator whose clients speak other words (a `user` may `read` a `record`) names
them once, in the home's authzen.toml; that file translates words, and makes nothing known that the register does not know."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gateway.enforcement.declaration import DECLARABLE, Declaration, DeclarationMalformed
from gateway.errors import CustodesError

ENTITIES: Final = MappingProxyType({"subject": ("type", "id"), "action": ("name",), "resource": ("type", "id")})
SUBJECT: Final = "client"
# What a resource's id names: a gallery, a case, or (an image, which has no record) nothing.
RESOURCES: Final = MappingProxyType({"gallery": "gallery", "case": "case", "image": ""})
_NAMED_BY: Final = MappingProxyType({"gallery": "id", "case": "ref"})
_LONGEST: Final = 256


class EvaluationMalformed(CustodesError):
    """What was sent is no evaluation; `field` names the part."""

    code = "evaluation-malformed"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class DialectRefused(CustodesError):
    """authzen.toml cannot be used: the service does not start on words that it may have misread."""

    code = "settings-refused"


@dataclass(frozen=True, slots=True)
class Question:
    """One evaluation in our terms: about which client (None if the subject is none), and what it declares.

    `strange` is a resource type that nobody here knows."""

    client: str | None
    declaration: Declaration
    strange: str | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is called what: types of subjects and resources, actions as operations with what they declare, and properties that are facts.

    `properties` maps a place such as `resource.status` to a declared member such as `context.record_status`."""

    subjects: frozenset[str] = frozenset({SUBJECT})
    resources: Mapping[str, str] = field(default_factory=lambda: RESOURCES)
    actions: Mapping[str, tuple[str, Mapping[str, object]]] = field(default_factory=lambda: MappingProxyType({}))
    properties: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def at(cls, path: Path) -> "Dialect":
        """Read the operator's words beside ours; without a file ours alone. Raises DialectRefused."""
        try:
            told = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as fault:
            raise DialectRefused(f"{path.name} cannot be read: {fault}.") from fault
        try:
            return cls(
                frozenset({SUBJECT, *map(_word, told.pop("subjects", []))}),
                MappingProxyType({**RESOURCES, **{name: RESOURCES[kind] for name, kind in told.pop("resources", {}).items()}}),
                MappingProxyType({name: _action(dict(act)) for name, act in told.pop("actions", {}).items()}),
                MappingProxyType({_place(place): _fact(member) for place, member in told.pop("properties", {}).items()}),
            )._if_all_is_known(told)
        except (KeyError, TypeError, AttributeError, ValueError) as fault:
            raise DialectRefused(f"{path.name} is not as docs/operations.md describes it, at {fault}.") from fault

    def _if_all_is_known(self, left: Mapping[str, object]) -> "Dialect":
        if left:
            raise ValueError(f"`{min(left)}`, which means nothing there")
        return self

    def question(self, said: Mapping[str, object]) -> Question:
        """Return what is asked. Members that nobody here knows are ignored. Raises EvaluationMalformed, naming the field.

        1 the shape that AuthZEN asks for; 2 what its words name here; 3 what is declared, wherever it stands, and only once."""
        # 1
        subject, action, resource = (_entity(name, said.get(name)) for name in ENTITIES)
        # 2
        operation, meant = self.actions.get(action["name"], (action["name"], {}))
        kind = self.resources.get(resource["type"], "")
        found: dict[str, object] = dict(meant)
        if kind:
            found[kind] = {_NAMED_BY[kind]: resource["id"]}
        # 3
        places = {"action": action["properties"], "resource": resource["properties"], "context": _object("context", said.get("context"))}
        for where, members in places.items():
            for name, value in _declared(members):
                if found.setdefault(name, value) != value:
                    raise EvaluationMalformed(f"{where}.{name}", f"{name!r} is said twice, and not the same.")
        for (where, name), (member, inner) in self.properties.items():
            if (value := places[where].get(name)) is not None:
                section = found.get(member)
                found[member] = {**(section if isinstance(section, Mapping) else {}), inner: value}
        try:
            declaration = Declaration.of(operation, found)
        except DeclarationMalformed as fault:
            raise EvaluationMalformed(fault.field, fault.sentence) from fault
        client = subject["id"] if subject["type"] in self.subjects else None
        return Question(client, declaration, None if resource["type"] in self.resources else resource["type"])


def _entity(name: str, given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise EvaluationMalformed(name, f"{name!r} must be an object.")
    for key in ENTITIES[name]:
        value = given.get(key)
        if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST:
            raise EvaluationMalformed(f"{name}.{key}", f"'{name}.{key}' must be text of 1 to {_LONGEST} characters.")
    return {**given, "properties": _object(f"{name}.properties", given.get("properties"))}


def _object(name: str, given: object) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise EvaluationMalformed(name, f"{name!r} must be an object.")
    return given


def _declared(members: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what a client may declare. Of case and gallery that is the name alone: the register knows the rest."""
    for name, value in members.items():
        if name not in DECLARABLE or value is None:
            continue
        key = _NAMED_BY.get(name)
        if key is not None:
            yield name, {key: value.get(key) if isinstance(value, Mapping) else value}
        else:
            yield name, value


def _word(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r}, where a word belongs")
    return value


def _action(told: dict[str, object]) -> tuple[str, Mapping[str, object]]:
    operation = _word(told.pop("operation"))
    try:
        return operation, Declaration.of(operation, told).said
    except DeclarationMalformed as fault:
        raise ValueError(fault.sentence) from fault


def _place(text: str) -> tuple[str, str]:
    entity_name, dot, name = text.partition(".")
    # A subject's properties are what the register knows: no file makes them something that a caller may say.
    if entity_name not in ("action", "resource", "context") or not dot or not name:
        raise ValueError(f"`{text}`: only properties of action and resource, and members of the context, can be declared")
    return entity_name, name


def _fact(text: object) -> tuple[str, str]:
    member, dot, name = _word(text).partition(".")
    if DECLARABLE.get(member) is not Mapping or member in _NAMED_BY or not dot or not name:
        raise ValueError(f"`{text}`, which is nothing that can be declared")
    return member, name
