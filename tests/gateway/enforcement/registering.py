"""Change a home's registry and die at a given point, as a process of its own. Run by tests of this folder; never by anybody else."""

import os
import sys
from pathlib import Path

from gateway.assembly.commands import changing, open_rulebook_desk
from gateway.clock import SystemClock
from gateway.enforcement.bench import Bench
from gateway.enforcement.registrar import Actor, Registrar
from gateway.enforcement.unsettled import UnsettledChanges
from gateway.registry.clients import NewClient
from gateway.registry.marks import Marks
from gateway.settings import read_settings
from gateway.store.sessions import Database
from policies.judge import unheard

POINTS = {
    "before the note": (UnsettledChanges, "put", "before"),
    "after the note": (UnsettledChanges, "put", "after"),
    "after the entry": (Marks, "set", "before"),
    "before the commit": (Marks, "set", "after"),
    "after the commit": (UnsettledChanges, "drop", "before"),
}


def die_at(point: str) -> None:
    owner, name, when = POINTS[point]
    real = getattr(owner, name)

    def deadly(*arguments: object) -> object:
        if when == "after":
            real(*arguments)
        os._exit(9)

    setattr(owner, name, deadly)


def main(home: str, what: str, point: str) -> None:
    with changing(read_settings({}, home=Path(home)), SystemClock()) as (registry, registrar):
        assert isinstance(registrar, Registrar)
        assert isinstance(registry.database, Database)
        if point:
            die_at(point)
        if what == "give":
            new = NewClient("given", "Given", "ngo_victim")
            registrar.give(
                Actor("staff", "rita"),
                "registrar",
                "client-change",
                "registered",
                lambda: registry.clients.register(new, "rita"),
                lambda client: {"client": client.id, "client_kind": client.kind},
            )
        elif what == "live":
            bench = Bench(registry.lookups, registry.rulebooks, unheard, lambda: None)
            desk = open_rulebook_desk(read_settings({}, home=Path(home)), SystemClock(), registry, registrar, bench)
            desk.activate(Actor("staff", "bob"), registry.drafts.all()[0].id)
        else:
            registrar.take(
                Actor("staff", "rita"), "registrar", "client-change", "suspended", {"client": "known", "reason": "under inquiry"}
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
