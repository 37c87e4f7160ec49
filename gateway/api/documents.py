"""Write what is on record as JSON, for the API and the command line alike. Shows no private key, no link and no sealed document."""

from datetime import datetime
from typing import Any

from gateway.clock import iso
from gateway.enforcement.registrar import Done
from gateway.registry.acknowledgements import Promises
from gateway.registry.authorisations import Authorisation
from gateway.registry.authorities import Authority
from gateway.registry.cases import Case
from gateway.registry.clients import Client
from gateway.registry.evidence import Evidence
from gateway.registry.galleries import Gallery
from gateway.registry.issuers import IssuerRecord
from gateway.registry.licences import Licence
from gateway.registry.revocations import RevokedToken
from gateway.registry.staff import OneTimeLink, StaffMember
from gateway.registry.trainings import Training


def recorded(document: dict[str, Any], done: Done[Any]) -> dict[str, Any]:
    """The document, and the receipt of the entry that says how it came about."""
    return document | {"log_index": done.receipt.index, "receipt": done.receipt.text()}


def client(value: Client) -> dict[str, Any]:
    """A client with its public keys."""
    return {
        "id": value.id,
        "name": value.name,
        "kind": value.kind,
        "acts_for": value.acts_for,
        "place": value.place,
        "agency_authorised": value.agency_authorised,
        "keys": [key.jwk for key in value.keys],
        "state": value.state,
        "reason": value.reason,
    }


def person(value: StaffMember) -> dict[str, Any]:
    """A person and their roles."""
    return {"id": value.id, "name": value.name, "roles": sorted(value.roles), "state": value.state}


def training(value: Training) -> dict[str, Any]:
    """A training of a person, with its end."""
    return {
        "id": value.id,
        "person": value.person,
        "what": value.what,
        "valid_from": iso(value.valid_from),
        "valid_to": iso(value.valid_to),
        "recorded_by": value.recorded_by,
        "withdrawn": value.withdrawn,
    }


def link(value: OneTimeLink) -> dict[str, Any]:
    """A one-time link: the one moment at which its secret is shown."""
    return {"id": value.staff_id, "link": value.secret, "ends_at": iso(value.ends_at)}


def case(value: Case) -> dict[str, Any]:
    """A case as its client and the registrar see it."""
    return {
        "client": value.client_id,
        "reference": value.reference,
        "target": value.target.to_json(),
        "offence": dict(value.offence),
        "reference_face": value.reference_face,
        "state": value.state,
        "reason": value.reason,
    }


def authorisation(value: Authorisation) -> dict[str, Any]:
    """A paper; `statement` is what its authority would sign."""
    paper = value.paper
    return {
        "id": value.id,
        "client": paper.client_id,
        "type": paper.type,
        "issuer": paper.issuer,
        "place": paper.place,
        "purpose": paper.purpose,
        "operation": paper.operation,
        "case": paper.case_ref,
        "valid_from": iso(paper.valid_from),
        "valid_to": iso(paper.valid_to),
        "paper_digest": paper.paper_digest,
        "status": value.status,
        "reason": value.reason,
        "recorded_by": value.recorded_by,
        "confirmed_by": value.confirmed_by,
        "authority": value.authority,
        "statement": value.statement(),
    }


def authority(value: Authority) -> dict[str, Any]:
    """An authority and the key that it signs with."""
    return {"name": value.name, "kind": value.kind, "place": value.place, "key": value.key.jwk}


def evidence(value: Evidence) -> dict[str, Any]:
    """A piece of evidence."""
    return {
        "id": value.id,
        "client": value.client_id,
        "kind": value.kind,
        "value": value.value,
        "place": value.place,
        "purpose": value.purpose,
        "valid_from": iso(value.valid_from),
        "valid_to": iso(value.valid_to),
    }


def gallery(value: Gallery) -> dict[str, Any]:
    """A gallery's record."""
    return {
        "id": value.id,
        "provenance": value.provenance,
        "provenance_confirmed": value.confirmed_by is not None,
        "categories": list(value.categories),
        "purposes": list(value.purposes),
        "retention_days": value.retention_days,
        "deployment": value.deployment,
        "pictures": value.pictures,
        "state": value.state,
    }


def licence(value: Licence, now: datetime) -> dict[str, Any]:
    """A licence as it stands now; the sealed document itself is asked for apart."""
    return {
        "id": value.id,
        "client": value.client_id,
        "parent": None if value.parent is None else value.parent.id,
        "state": value.state_at(now),
        "reason": value.reason,
        "terms": value.terms.to_json(),
        "document_sha256": value.document_digest,
        "acknowledged": value.acknowledged,
    }


def promises(value: Promises) -> list[dict[str, Any]]:
    """Every promise with its text, what names it in an application (`say`), and of whom it is asked (an empty list: of any)."""
    return [
        {
            **promise.to_json(),
            "say": promise.said,
            "sentence": promise.sentence,
            "client_kinds": sorted(promise.client_kinds),
            "purposes": sorted(promise.purposes),
            "operations": sorted(promise.operations),
        }
        for promise in value.by_name.values()
    ]


def issuer(value: IssuerRecord) -> dict[str, Any]:
    """A trusted issuer, and where its keys are pinned."""
    return {
        "name": value.name,
        "issuer": value.issuer,
        "audience": value.audience,
        "jwks_url": value.jwks_url,
        "jwks_file": value.jwks_file,
    }


def revoked(value: RevokedToken) -> dict[str, Any]:
    """A token that was taken back."""
    return {"issuer": value.issuer, "jti": value.jti, "ends_at": iso(value.ends_at), "reason": value.reason}
