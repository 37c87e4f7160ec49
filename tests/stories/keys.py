"""Keys and signatures of the stories' clients and courts. Knows no story."""

import json
import secrets
import time
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def jwk_of(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, str]:
    """Return the public half as a JWK."""
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": kid, "x": _text(numbers.x.to_bytes(32, "big")), "y": _text(numbers.y.to_bytes(32, "big"))}


def signed(
    key: ec.EllipticCurvePrivateKey, kid: str, client: str | None, audience: str | None, *, document: object = None, kind: str = "JWT"
) -> str:
    """Return a client assertion for that audience, or another document, as a compact JWS."""
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + 60, "jti": secrets.token_hex(8)}
    head = _text(json.dumps({"alg": "ES256", "typ": kind, "kid": kid}).encode())
    body = _text(json.dumps(claims if document is None else document).encode())
    r, s = decode_dss_signature(key.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    return f"{head}.{body}.{_text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
