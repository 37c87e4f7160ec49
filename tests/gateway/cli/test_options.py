"""What a command takes for the service's address and for a home: what was typed, what was set, what is served; never what is not there."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.options import settings_as_served
from gateway.enforcement.boots import boot
from gateway.settings import Home

SERVED = "http://127.0.0.1:28080"
# The service, what looks at a machine before there is one, and what measures a recogniser.
MAY_BEGIN = {"serve", "demo", "doctor", "engine"}


def test_a_command_speaks_of_the_service_that_runs_on_the_home(tmp_path, monkeypatch):
    for name in ("CUSTODES_PORT", "CUSTODES_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    home = Home(tmp_path)
    home.make()
    boots = home.boots
    assert settings_as_served(tmp_path, None).url == "http://127.0.0.1:8080"
    with boot(boots, SERVED):
        assert settings_as_served(tmp_path, None).url == SERVED
        assert settings_as_served(tmp_path, 8080).url == "http://127.0.0.1:8080"
        with boot(boots, SERVED):
            assert settings_as_served(tmp_path, None).url == SERVED, "two processes behind one address"
        with boot(boots, "http://127.0.0.1:28081"):
            assert settings_as_served(tmp_path, None).url == "http://127.0.0.1:8080", "which of two is not for us to say"
        monkeypatch.setenv("CUSTODES_PUBLIC_URL", "https://gateway.example")
        assert settings_as_served(tmp_path, None).url == "https://gateway.example"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "list_commands"):
        yield path, command
        return
    for name in command.list_commands(None):
        yield from commands(command.get_command(None, name), (*path, name))


def typed(command: Any) -> Iterator[str]:
    """Give a command all that it cannot do without."""
    for parameter in command.params:
        if parameter.required:
            yield from (parameter.opts[0], "1") if parameter.param_type_name == "option" else ("1",)


def test_no_command_but_those_that_begin_a_home_makes_one_of_a_name_mistyped(tmp_path):
    told = 0
    for path, command in commands(typer.main.get_command(app)):
        if path[0] in MAY_BEGIN or not any("--home" in parameter.opts for parameter in command.params):
            continue
        ended = CliRunner().invoke(app, [*path, *typed(command), "--home", str(tmp_path / "mistyped")])
        assert (ended.exit_code, (tmp_path / "mistyped").exists()) == (2, False), (path, ended.output)
        assert isinstance(ended.exception, SystemExit), (path, ended.exception)
        told += "home-missing: There is no home at" in ended.output
    assert told > 60
