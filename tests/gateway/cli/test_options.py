"""What a command takes for the service's address: what was typed, what was set, where the home is served, and the default, in order."""

from gateway.cli.options import settings_as_served
from gateway.enforcement.boots import boot
from gateway.settings import Home

SERVED = "http://127.0.0.1:28080"


def test_a_command_speaks_of_the_service_that_runs_on_the_home(tmp_path, monkeypatch):
    for name in ("CUSTODES_PORT", "CUSTODES_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    boots = Home(tmp_path).boots
    boots.mkdir()
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
