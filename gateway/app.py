"""Make the web application from an assembly: routes, guard, problem documents, documentation. Starts nothing itself."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi_swagger import patch_fastapi
from starlette.exceptions import HTTPException

from gateway.api.audit import AuditDoor
from gateway.api.authzen import AuthzenDoor
from gateway.api.body_limits import BodyLimits
from gateway.api.case_files import CaseFileDoor
from gateway.api.cases import CaseDoor
from gateway.api.catalogue import CatalogueDoor
from gateway.api.clients import ClientDoor
from gateway.api.decisions import DecisionDoor
from gateway.api.door import Door
from gateway.api.duties import DutyDoor
from gateway.api.erasures import ErasureDoor
from gateway.api.evidence import EvidenceDoor
from gateway.api.galleries import GalleryDoor
from gateway.api.guard import Guard
from gateway.api.health import HealthDoor
from gateway.api.issuers import IssuerDoor
from gateway.api.licences import LicenceDoor
from gateway.api.oauth import OAuthDoor
from gateway.api.ombudsman import OmbudsmanDoor
from gateway.api.papers import PaperDoor
from gateway.api.people import PeopleDoor
from gateway.api.persons import PersonDoor
from gateway.api.policies import PolicyDoor
from gateway.api.problems import render_fault, render_http_exception, render_problem, status_of
from gateway.api.receipts import ReceiptDoor
from gateway.api.recognition import RecognitionDoor
from gateway.api.restrictions import RestrictionDoor
from gateway.api.reviews import ReviewDoor
from gateway.api.rulebooks import RulebookDoor
from gateway.api.trainings import TrainingDoor
from gateway.api.transparency import TransparencyDoor
from gateway.api.webhooks import WebhookDoor
from gateway.assembly.homes import contacts_of
from gateway.assembly.request_path import Assembly
from gateway.console.console import console
from gateway.errors import CustodesError
from gateway.records.evidence import EvidenceRoom
from gateway.records.exports import Exports
from gateway.registry.rulebook import text_of

VERSION: Final = "0.1.0"
DESCRIPTION: Final = (
    "Custodes stands in front of a face recogniser, lets a search through only when the caller, the purpose, the case and the law "
    "allow it, and writes every decision and every outcome into an audit log that a stranger can verify."
)


def create_app(house: Assembly) -> FastAPI:
    """Return the application that serves this assembly."""
    app = FastAPI(
        title="Custodes",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        swagger_ui_oauth2_redirect_url=None,
    )
    for routes in _doors(house):
        app.include_router(routes)
    for pages in console(house, status_of, exports_of(house), evidence_room(house)):
        app.include_router(pages)
    app.add_exception_handler(CustodesError, render_problem)
    app.add_exception_handler(HTTPException, render_http_exception)
    app.add_exception_handler(Exception, render_fault)
    # The docs page's script and style come with the package: no browser of ours asks a stranger's server.
    patch_fastapi(app, docs_url="/docs")
    app.add_middleware(Guard)
    _declare_bearer(app)
    return app


def exports_of(house: Assembly) -> Exports:
    """Return how found entries are written out."""
    return Exports(house.log, house.explorer, VERSION)


def evidence_room(house: Assembly) -> EvidenceRoom:
    """Return where the evidence for one decision is gathered."""
    texts = text_of(house.registry.rulebooks)
    return EvidenceRoom(house.log, house.explorer, texts, contacts_of(house.settings), house.cosigning.policy)


def _doors(house: Assembly) -> list[APIRouter]:
    limits = BodyLimits(house.settings.max_image_bytes, house.settings.body_seconds)
    door = Door(house.callers, house.registry.lookups, house.journal, house.clock, limits)
    texts = text_of(house.registry.rulebooks)
    doors = (
        RecognitionDoor(door, house.pipeline, house.waiting),
        GalleryDoor(door, house.gallery_desk, house.desks.galleries),
        ClientDoor(door, house.desks.clients),
        PeopleDoor(door, house.desks.people, house.registry.issuer),
        TrainingDoor(door, house.desks.trainings),
        CaseDoor(door, house.desks.cases, house.desks.evidence),
        PersonDoor(door, house.person_desk),
        PaperDoor(door, house.desks.papers),
        LicenceDoor(door, house.desks.licences, house.clock, house.registry.seal.public_keys),
        IssuerDoor(door, house.desks.trust, house.registry.revocations, house.fetcher),
        DecisionDoor(door, house.pipeline),
        AuthzenDoor(door, house.evaluator, house.dialect, house.settings.url),
        ReviewDoor(door, house.reviews),
        DutyDoor(door, house.duties, house.endings),
        WebhookDoor(door, house.webhook_desk),
        CatalogueDoor(house.bench, house.registry.rulebooks),
        PolicyDoor(door, house.rulebook_desk, house.reports),
        AuditDoor(door, house.log, house.explorer, house.journal, house.clock, exports_of(house)),
        EvidenceDoor(door, evidence_room(house), house.journal, house.clock),
        CaseFileDoor(door, house.log, house.journal, house.clock),
        ErasureDoor(door, house.eraser),
        OmbudsmanDoor(door, house.ombudsman),
        RestrictionDoor(door, house.restriction_desk),
        RulebookDoor(door, house.explorer, house.journal, house.clock, texts),
        TransparencyDoor(house.log),
        ReceiptDoor(house.log, house.cosigning.published, house.verifier_key),
        OAuthDoor(house.registry.issuer, house.desks.trust, house.journal, house.clock, limits),
        HealthDoor(house.readiness),
    )
    return [routes.router() for routes in doors]


def _declare_bearer(app: FastAPI) -> None:
    described = app.openapi

    def with_bearer() -> dict[str, Any]:
        schema = described()
        schema.setdefault("components", {})["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        return schema

    app.openapi = with_bearer  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
