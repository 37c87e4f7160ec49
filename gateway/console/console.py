"""Put the console together: its desk and its pages. Named by app.py alone, which lends it the house's map from errors to statuses."""

from collections.abc import Callable

from fastapi import APIRouter

from gateway.assembly.request_path import Assembly
from gateway.console.audit import AuditPages
from gateway.console.cases import CasePages
from gateway.console.desk import Desk
from gateway.console.drafts import DraftPages
from gateway.console.entrance import EntrancePages
from gateway.console.fairness import FairnessPage
from gateway.console.obligations import ObligationPages
from gateway.console.openid import OpenIdPages
from gateway.console.overview import OverviewPage
from gateway.console.pages import Pages
from gateway.console.people import PeoplePage
from gateway.console.policies import PolicyPages
from gateway.console.registers import RegisterPages
from gateway.console.reviews import ReviewPages
from gateway.console.rulepages import RulePages
from gateway.console.visits import Visits
from gateway.errors import CustodesError
from gateway.records.evidence import EvidenceRoom
from gateway.records.exports import Exports
from policies.vocabulary import Vocabulary


def console(house: Assembly, status_of: Callable[[CustodesError], int], exports: Exports, evidence: EvidenceRoom) -> list[APIRouter]:
    """Return the routes of every page."""
    visits = Visits(house.registry.signins, house.registry.lookups, house.journal, house.clock, house.settings.url)
    pages = Pages(house.clock)
    desk = Desk(visits, pages, house.log, house.bench, status_of)
    entrance = EntrancePages(desk, house.desks.people, house.relying_party is not None)
    return [
        pages.router(),
        entrance.router(),
        *([] if house.relying_party is None else [OpenIdPages(desk, house.desks.people, house.relying_party).router()]),
        OverviewPage(desk, house.explorer, house.waiting.queue, house.registry.duties, house.endings, house.readiness).router(),
        PolicyPages(desk, house.bench, house.clock).router(),
        RulePages(desk, house.bench, house.registry.rulebooks, house.rulebook_desk.drafts).router(),
        DraftPages(desk, house.rulebook_desk, house.reports).router(),
        RegisterPages(desk, house.desks, Vocabulary.shipped(), house.clock).router(),
        PeoplePage(desk, house.desks.people).router(),
        ReviewPages(desk, house.reviews, house.registry.trainings).router(),
        CasePages(desk, house.desks.cases, house.explorer, house.registry.rulebooks, house.clock).router(),
        ObligationPages(desk, house.duties, house.endings, house.desks.cases, house.webhook_desk, house.explorer).router(),
        FairnessPage(desk, house.readiness.gate).router(),
        AuditPages(desk, house.explorer, exports, evidence, house.cosigning.keys).router(),
        entrance.strays(),
    ]
