"""Write a licence as an ODRL 2.2 policy (JSON-LD), for exchange with those who keep their agreements so. Knows no database.

odrl_reading.py reads it back without loss. Purposes and operations are ours, each with the nearest term of DPV or of DPV's AI Act
module beside it; the conflict strategy is always `prohibit`, for ODRL's default leaves a conflict to the reader."""

from collections.abc import Mapping
from typing import Any

from gateway.clock import iso
from gateway.registry.errors import RegistryError
from gateway.registry.licences import Licence
from gateway.registry.terms import OWN, Terms

ODRL_CONTEXT = "http://www.w3.org/ns/odrl.jsonld"
PROFILE = "urn:custodes:odrl-profile:1"
PREFIXES: Mapping[str, str] = {
    "custodes": "urn:custodes:vocabulary:",
    "dpv": "https://w3id.org/dpv#",
    "sector-law": "https://w3id.org/dpv/sector/law#",
    "eu-aiact": "https://w3id.org/dpv/legal/eu/aiact#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
AI_ACT: Mapping[str, str] = {
    "verify": "eu-aiact:BiometricVerification",
    "identify": "eu-aiact:BiometricIdentification",
    "live_identify": "eu-aiact:BiometricIdentification",
    "categorise": "eu-aiact:BiometricCategorisation",
    "emotion": "eu-aiact:EmotionRecognition",
}
LICENCE, CLIENT, GALLERY = "urn:custodes:licence:", "urn:custodes:client:", "urn:custodes:gallery:"
OWN_GALLERIES = "urn:custodes:galleries-of-the-assignee"
REGISTRAR = "urn:custodes:registrar"
KINDS: Mapping[str, str] = {"applied": "Request", "granted": "Agreement"}
UNITS: Mapping[str, str] = {"quota_day": "custodes:perDay", "quota_case": "custodes:perCase"}


class OdrlRefused(RegistryError):
    """The licence cannot be written as ODRL, or the policy says something that no licence of ours can say; never read approximately.

    odrl-malformed, -context, -type, -profile, -conflict, -member, -inexpressible, -party, -target, -action, -operand, -operator,
    -value, -purpose, -purpose-ambiguous, -count-unit, -missing, -uneven, -nothing, -state. `field` is the place in the document."""

    code = "odrl-malformed"

    def __init__(self, code: str, field: str, sentence: str) -> None:
        super().__init__(f"`{field}` {sentence}", code=f"odrl-{code}")
        self.field = field


def write_policy(licence: Licence, dpv: Mapping[str, str]) -> dict[str, Any]:
    """Return a licence that stands (an Agreement), or an application (a Request), as an ODRL policy.

    `dpv` maps purposes to their nearest DPV term. Raises OdrlRefused: odrl-state, or odrl-nothing when it grants nothing anywhere."""
    if licence.state not in KINDS:
        raise OdrlRefused("state", "licence", f"is {licence.state}; only a licence that stands, or an application, can be exported.")
    terms = licence.terms
    if not terms.grants or not terms.places:
        raise OdrlRefused("nothing", "licence", "grants nothing anywhere, and ODRL has no policy without a rule.")
    shared = _shared_constraints(licence.id, terms)
    permissions = [_permission(operation, terms, shared, dpv) for operation in sorted({grant.split(":")[1] for grant in terms.grants})]
    if terms.may_sublicense:
        permissions.append({"action": "grantUse", **_target(terms), "constraint": shared})
    return {
        "@context": [ODRL_CONTEXT, dict(PREFIXES)],
        "@type": KINDS[licence.state],
        "uid": LICENCE + licence.id,
        "profile": PROFILE,
        "conflict": "prohibit",
        "assigner": CLIENT + licence.parent.client_id if licence.parent else REGISTRAR,
        "assignee": CLIENT + licence.client_id,
        "permission": permissions,
    }


def _permission(operation: str, terms: Terms, shared: list[dict[str, Any]], dpv: Mapping[str, str]) -> dict[str, Any]:
    purposes = [grant.split(":")[0] for grant in terms.grants if grant.endswith(f":{operation}")]
    constraints: list[dict[str, Any]] = [
        {"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": [_named(purpose, dpv) for purpose in purposes]}
    ]
    for limited, least in terms.thresholds:
        if limited == operation:
            constraints.append({"leftOperand": "custodes:similarity", "operator": "gteq", "rightOperand": _typed(str(least), "decimal")})
    return {"action": _named(operation, AI_ACT), **_target(terms), "constraint": [*constraints, *shared]}


def _target(terms: Terms) -> dict[str, Any]:
    galleries = [OWN_GALLERIES if gallery == OWN else GALLERY + gallery for gallery in terms.galleries]
    return {"target": galleries} if galleries else {}


def _shared_constraints(licence_id: str, terms: Terms) -> list[dict[str, Any]]:
    places = [{"leftOperand": "spatial", "operator": "isPartOf", "rightOperand": place} for place in terms.places]
    return [
        places[0] if len(places) == 1 else {"or": places},
        {"leftOperand": "dateTime", "operator": "gteq", "rightOperand": _typed(iso(terms.valid_from), "dateTime")},
        {"leftOperand": "dateTime", "operator": "lt", "rightOperand": _typed(iso(terms.valid_to), "dateTime")},
        # One uid in every rule: it is one count that all of them share, not one for each.
        *(
            {
                "uid": f"{LICENCE}{licence_id}#{quota}",
                "leftOperand": "count",
                "operator": "lteq",
                "rightOperand": _typed(str(getattr(terms, quota)), "integer"),
                "unit": unit,
            }
            for quota, unit in UNITS.items()
        ),
        *(
            {
                "leftOperand": "custodes:similarity",
                "operator": "gteq",
                "rightOperand": _typed(str(least), "decimal"),
                "unit": f"custodes:{operation}",
            }
            for operation, least in terms.thresholds
            if not any(grant.endswith(f":{operation}") for grant in terms.grants)
        ),
    ]


def _named(word: str, nearest: Mapping[str, str]) -> dict[str, Any]:
    named: dict[str, Any] = {"@id": f"custodes:{word}"}
    return {**named, "skos:broadMatch": {"@id": nearest[word]}} if nearest.get(word) else named


def _typed(value: str, kind: str) -> dict[str, str]:
    return {"@value": value, "@type": f"xsd:{kind}"}
