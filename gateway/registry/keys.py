"""Say which public keys are good enough to be trusted with a signature, for clients, issuers and authorities alike.

Knows no token and no network; a key that is not exactly RSA of 2048 to 8192 bits or P-256 does not get in."""

import binascii
import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.registry.errors import Malformed

PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
RSA_BITS = range(2048, 8192 + 1)
KID_LENGTH = 128


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A checked public key: its one algorithm (RS256 or ES256), and its JWK with nothing but the public members."""

    kid: str
    algorithm: str
    members: tuple[tuple[str, str], ...]

    @property
    def jwk(self) -> dict[str, str]:
        """The key as a JWK for publication or for a verifier."""
        return {**dict(self.members), "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    @classmethod
    def from_jwk(cls, jwk: object) -> "PublicKey":
        """Check a JWK and keep its public members alone. A missing kid becomes the RFC 7638 thumbprint.

        Raises Malformed for private or symmetric keys, other uses or algorithms, weak or broken numbers."""
        if not isinstance(jwk, Mapping):
            raise Malformed("key", "must be a JSON object in the form of a JWK.")
        if PRIVATE_MEMBERS & jwk.keys():
            raise Malformed("key", "holds private or symmetric members; hand in the public key alone.")
        if jwk.get("use", "sig") != "sig" or not _may_verify(jwk.get("key_ops", ["verify"])):
            raise Malformed("key", "is not meant for verifying signatures (`use`, `key_ops`).")
        algorithm, members = _numbers(jwk)
        if jwk.get("alg", algorithm) != algorithm:
            raise Malformed("key", f"says another `alg` than the {algorithm} that such a key is used with here.")
        kid = jwk.get("kid", _thumbprint(members))
        if not isinstance(kid, str) or not 1 <= len(kid) <= KID_LENGTH or not kid.isprintable():
            raise Malformed("key", f"needs a `kid` of 1 to {KID_LENGTH} printable characters.")
        return cls(kid, algorithm, tuple(sorted(members.items())))


def _may_verify(operations: object) -> bool:
    return isinstance(operations, list) and "verify" in operations


def _numbers(jwk: Mapping[object, object]) -> tuple[str, dict[str, str]]:
    try:
        if jwk.get("kty") == "RSA":
            modulus, exponent = _number(jwk.get("n")), _number(jwk.get("e"))
            if modulus.bit_length() not in RSA_BITS or exponent.bit_length() not in range(17, 33) or not modulus & exponent & 1:
                raise Malformed(
                    "key", "must be RSA of 2048 to 8192 bits, with an odd modulus and exponent, the latter from 65537 to 32 bits."
                )
            rsa.RSAPublicNumbers(exponent, modulus).public_key()
            return "RS256", {"kty": "RSA", "n": _text(modulus), "e": _text(exponent)}
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            x, y = _number(jwk.get("x")), _number(jwk.get("y"))
            ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()  # refuses a point that is not on the curve
            return "ES256", {"kty": "EC", "crv": "P-256", "x": _text(x, 32), "y": _text(y, 32)}
    except (ValueError, OverflowError):
        raise Malformed("key", "has numbers that are not those of a public key.") from None
    raise Malformed("key", "must be an RSA key or an elliptic-curve key on P-256.")


def _number(value: object) -> int:
    if not isinstance(value, str) or not value or len(value) > 2048 or not value.isascii():
        raise ValueError("not a base64url number")
    try:
        return int.from_bytes(urlsafe_b64decode(value + "=" * (-len(value) % 4)), "big")
    except binascii.Error:
        raise ValueError("not a base64url number") from None


def _text(number: int, size: int | None = None) -> str:
    data = number.to_bytes(size or (number.bit_length() + 7) // 8, "big")
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _thumbprint(members: Mapping[str, str]) -> str:
    canonical = json.dumps(dict(sorted(members.items())), separators=(",", ":")).encode()
    return urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
