"""What people may change in the registry, step by step: who may do it, and what the log says of it. Knows no HTTP and no terminal."""

from dataclasses import dataclass

from gateway.enforcement.desks.clients import ClientDesk
from gateway.enforcement.desks.licences import LicenceDesk
from gateway.enforcement.desks.papers import CaseDesk, EvidenceDesk, PaperDesk
from gateway.enforcement.desks.people import PeopleDesk
from gateway.enforcement.desks.trainings import TrainingDesk
from gateway.enforcement.desks.trust import TrustDesk
from gateway.enforcement.galleries import GalleryRecordDesk


@dataclass(frozen=True, slots=True)
class Desks:
    """Every desk of one home."""

    clients: ClientDesk
    people: PeopleDesk
    trainings: TrainingDesk
    cases: CaseDesk
    papers: PaperDesk
    evidence: EvidenceDesk
    galleries: GalleryRecordDesk
    trust: TrustDesk
    licences: LicenceDesk
