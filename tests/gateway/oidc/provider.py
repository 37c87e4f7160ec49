"""A real OpenID provider (npm oidc-provider on Node), for every test that needs one. Skips where Node or its packages cannot be had."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwk as second_jwk

from tests.gateway.identity.conftest import pem_of

SOURCE = Path(__file__).parent
AUDIENCE = "https://gateway.example"


def install() -> Path:
    """The provider, installed once into the user's cache; the repository stays as it is."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not installed: the tests against a real OpenID provider need them (Node 20 or newer).")
    source = b"".join((SOURCE / name).read_bytes() for name in ("package.json", "server.mjs"))
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "custodes-tests"
    place = cache / f"oidc-provider-{hashlib.sha256(source).hexdigest()[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of the parallel test workers installs, the others wait
        if not (place / "installed").exists():
            for name in ("package.json", "server.mjs"):
                shutil.copy(SOURCE / name, place / name)
            command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                pytest.skip(f"npm could not install oidc-provider (no package registry within reach?): {done.stderr.strip()[-200:]}")
            (place / "installed").touch()
    return place


def private_jwk(kid: str, kind: str = "EC") -> dict[str, Any]:
    """A private key as the provider wants it."""
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else rsa.generate_private_key(65537, 2048)
    loaded: Any = (second_jwk.ECKey if kind == "EC" else second_jwk.RSAKey).import_key(pem_of(key))
    return {**loaded.as_dict(private=True), "kid": kid, "use": "sig", "alg": "ES256" if kind == "EC" else "RS256"}


@dataclass
class Provider:
    """A running provider; `restart` with other keys is how it rotates."""

    place: Path
    keys: list[dict[str, Any]]
    port: int = 0
    callback: str = ""
    host: str = "127.0.0.1"
    process: "subprocess.Popen[str] | None" = field(default=None)

    @property
    def issuer(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        configured = {"host": self.host, "port": self.port, "keys": self.keys, "ttl": 600, "callback": self.callback}
        environment = {**os.environ, "PROVIDER": json.dumps(configured), "NODE_ENV": "production"}
        command = [str(shutil.which("node")), "server.mjs"]
        self.process = subprocess.Popen(
            command, cwd=self.place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        while line and line != "ready\n":
            line = self.process.stdout.readline()
        assert line == "ready\n"

    def stop(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def restart(self, *keys: dict[str, Any]) -> None:
        self.stop()
        self.keys = list(keys)
        self.start()

    async def token(self, resource: str = AUDIENCE) -> str:
        """Ask for an access token as the client does."""
        form = {"grant_type": "client_credentials", "resource": resource}
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.issuer}/token", data=form, auth=("find-them", "a-secret-of-the-tests-alone"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])
