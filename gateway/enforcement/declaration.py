"""What a client says of its own request, before anyone believes it. Knows no header, no form and no database."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.names import is_subject_name
from gateway.errors import CustodesError

# What a client may declare. Everything else in the Facts (who it is, its licence, the papers on record, the
# gallery's provenance, the reviewers) the gateway knows itself and takes from nobody's word.
DECLARABLE: Final = MappingProxyType(
    {
        "purpose": str,
        "place": str,
        "threshold_pct": float,
        "authorisation": str,
        "case": Mapping,
        "gallery": Mapping,
        "target": Mapping,
        "capture": Mapping,
        "context": Mapping,
        "consent": Mapping,
        "notice": Mapping,
        "route": Mapping,
    }
)
_REFERENCE_ONLY: Final = MappingProxyType({"case": "ref", "gallery": "id"})
_LONGEST_TEXT: Final = 256
# Control characters, and halves of surrogate pairs, which UTF-8 cannot hold.
_UNWRITABLE: Final = re.compile("[\x00-\x1f\ud800-\udfff]")


class DeclarationMalformed(CustodesError):
    """The client's words about its request cannot be read; `field` says which."""

    code = "declaration-malformed"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Declaration:
    """An operation and what the client says about it, in the shape of the Facts (docs/api.md).

    `person` says that the photo is of the person whom the declared case seeks."""

    operation: str
    said: Mapping[str, object]
    subject: str | None = None
    person: bool = False

    @classmethod
    def of(cls, operation: str, said: Mapping[str, object], subject: str | None = None) -> "Declaration":
        """Check the shape of what was said. Raises DeclarationMalformed; unknown *words* are for the judge to refuse."""
        for name, value in said.items():
            wanted = DECLARABLE.get(name)
            if wanted is None:
                raise DeclarationMalformed(name, f"{name!r} cannot be declared: {_why_not(name)}")
            _check_kind(name, value, wanted)
        for name, only in _REFERENCE_ONLY.items():
            extra = set(_mapping(said.get(name))) - {only}
            if extra:
                raise DeclarationMalformed(
                    f"{name}.{min(extra)}", f"Of the {name}, declare only its {only!r}; the rest is taken from the register."
                )
        if subject is not None and not is_subject_name(subject):
            raise DeclarationMalformed(
                "subject", "A subject's name is 1 to 128 letters, digits and . _ : - and begins with a letter or digit."
            )
        return cls(operation, MappingProxyType(dict(said)), subject)

    def into(self, gallery_id: str) -> "Declaration":
        """Return the declaration for the gallery that the path names, and a new subject's name where none was given.

        Raises DeclarationMalformed if another gallery was declared."""
        if self.gallery_id not in (None, gallery_id):
            raise DeclarationMalformed("gallery.id", "The declared gallery is not the one in the path.")
        said = MappingProxyType({**self.said, "gallery": {"id": gallery_id}})
        return Declaration(self.operation, said, self.subject or f"s-{secrets.token_hex(8)}")

    def of_person(self, reference: str) -> "Declaration":
        """Return the declaration for a photo of the person whom this case seeks.

        Raises DeclarationMalformed if another case, a gallery or a subject was declared."""
        if self.case_ref not in (None, reference):
            raise DeclarationMalformed("case.ref", "The declared case is not the one in the path.")
        if self.gallery_id is not None or self.subject is not None:
            raise DeclarationMalformed("gallery.id", "The photo goes into the case's own gallery; declare neither gallery nor subject.")
        said = MappingProxyType({**self.said, "case": {"ref": reference}})
        return Declaration(self.operation, said, None, person=True)

    @property
    def purpose(self) -> str | None:
        """The declared purpose, if any."""
        value = self.said.get("purpose")
        return value if isinstance(value, str) else None

    @property
    def case_ref(self) -> str | None:
        """The declared case reference, if any."""
        return _text(_mapping(self.said.get("case")).get("ref"))

    @property
    def authorisation_id(self) -> str | None:
        """The paper that the client means to act under, if it names one."""
        return _text(self.said.get("authorisation"))

    @property
    def threshold(self) -> float | None:
        """The declared least similarity, 0 to 100, if any."""
        value = self.said.get("threshold_pct")
        return float(value) if isinstance(value, int | float) else None

    @property
    def gallery_id(self) -> str | None:
        """The declared gallery, if any."""
        return _text(_mapping(self.said.get("gallery")).get("id"))


def _why_not(name: str) -> str:
    known = {"client", "licence", "authorisations", "review", "evidence", "vendor_approval", "at", "operation", "log"}
    return "the gateway knows this itself." if name in known else "no such member; see GET /v1/purposes and docs/api.md."


def _check_kind(path: str, value: object, wanted: type) -> None:
    if wanted is Mapping:
        if not isinstance(value, Mapping):
            raise DeclarationMalformed(path, f"{path!r} takes an object.")
        for name, member in value.items():
            _check_leaf(f"{path}.{name}", member)
    elif wanted is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise DeclarationMalformed(path, f"{path!r} takes a number from 0 to 100.")
    else:
        _check_leaf(path, value)
        if not isinstance(value, str):
            raise DeclarationMalformed(path, f"{path!r} takes text.")


def _check_leaf(path: str, value: object) -> None:
    items = value if isinstance(value, list | tuple) else [value]
    if len(items) > 32:
        raise DeclarationMalformed(path, f"{path!r} takes 32 items at most.")
    for item in items:
        if isinstance(item, str):
            if len(item) > _LONGEST_TEXT or _UNWRITABLE.search(item):
                raise DeclarationMalformed(path, f"{path!r} takes at most {_LONGEST_TEXT} characters and no control characters.")
        elif isinstance(item, bool) or (isinstance(item, int) and abs(item) < 2**53):
            continue
        else:
            raise DeclarationMalformed(path, f"{path!r} takes text, a whole number, true or false, or a list of these.")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
