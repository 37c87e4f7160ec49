"""Hostile tokens by the hundred, and some good ones, made from real keys.

Most of them bear a signature that is good for what they say, since an issuer may be hostile or careless too. Long, because it is a list."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwk as second_jwk

from gateway.identity.compact import FORBIDDEN
from gateway.identity.tokens import Trust, VerifyingKey
from gateway.registry.keys import PublicKey

NOW = int(time.time())
ISSUER, AUDIENCE, OTHER = "https://idp.example", "https://gateway.example", "https://other.example"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ABSENT = object()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Bench:
    """Two issuers' keys, and the means to sign anything at all with them."""

    r: rsa.RSAPrivateKey
    e: ec.EllipticCurvePrivateKey
    other: rsa.RSAPrivateKey
    stranger: ec.EllipticCurvePrivateKey

    def header(self, **changes: Any) -> dict[str, Any]:
        return {name: value for name, value in {"alg": "RS256", "typ": "at+jwt", "kid": "r1", **changes}.items() if value is not ABSENT}

    def claims(self, **changes: Any) -> dict[str, Any]:
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ngo", "client_id": "ngo", "iat": NOW - 5, "exp": NOW + 600, "jti": "j-1"}
        return {name: value for name, value in {**good, **changes}.items() if value is not ABSENT}

    def signature(self, message: bytes, alg: Any, kid: object = "r1") -> bytes:
        alg = str(alg)
        if alg in {"RS384", "RS512"}:
            return self.r.sign(message, padding.PKCS1v15(), hashes.SHA384() if alg == "RS384" else hashes.SHA512())
        if alg == "PS256":
            return self.r.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        if alg in {"ES256", "ES384"} and kid != "r1":
            numbers = decode_dss_signature(self.e.sign(message, ec.ECDSA(hashes.SHA256())))
            return b"".join(number.to_bytes(32, "big") for number in numbers)
        return self.r.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def token(self, header: Any = None, claims: Any = None) -> str:
        """Sign a header and claims given as objects, as JSON text, or as raw bytes."""
        head = b64(raw(self.header() if header is None else header))
        body = b64(raw(self.claims() if claims is None else claims))
        return self.sealed(head, body, header)

    def sealed(self, head: str, body: str, header: Any = None) -> str:
        fields = header if isinstance(header, dict) else {}
        message = f"{head}.{body}".encode()
        return f"{head}.{body}.{b64(self.signature(message, fields.get('alg', 'RS256'), fields.get('kid', 'r1')))}"


def raw(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


Family = Iterator[tuple[str, object]]


def wrong_form(b: Bench) -> Family:
    good = b.token()
    head, body, signature = good.split(".")
    yield from {
        "nothing": "",
        "dots": "..",
        "a space": " ",
        "one segment": head,
        "no signature segment": f"{head}.{body}",
        "a fourth segment": f"{good}.{signature}",
        "five segments as in JWE": f"{head}.{body}.{body}.{body}.{signature}",
        "a trailing dot": f"{good}.",
        "a leading dot": f".{good}",
        "the scheme left on": f"Bearer {good}",
        "a line break behind": f"{good}\n",
        "a blank before": f" {good}",
        "a NUL behind": f"{good}\0",
        "a letter from another alphabet": good.replace("e", "\u0435", 1),
        "full-width dots": good.replace(".", "\uff0e"),
        "a lone surrogate": good + "\ud800",
        "bytes": good.encode(),
        "none at all": None,
        "a number": 7,
        "a list": [good],
        "JSON serialisation": json.dumps({"payload": body, "protected": head, "signature": signature}),
        "8 KiB and one": b.token(claims=b.claims(pad="x" * 6000)) + "A" * 200,
        "a signed token of 9 KB": b.token(claims=b.claims(pad="x" * 6500)),
        "a signed token of 1 MB": b.token(claims=b.claims(pad="x" * 700_000)),
        "a header longer than any": b.token(b.header(x5t="x" * 500)),
    }.items()


def loose_base64(b: Bench) -> Family:
    segments = b.token().split(".")
    for place, name in enumerate(("header", "claims", "signature")):
        for what, change in {
            "padding": lambda s: s + "=" * (-len(s) % 4 or 4),
            "a line break inside": lambda s: s[:8] + "\n" + s[8:],
            "a blank inside": lambda s: s[:8] + " " + s[8:],
            "a foreign character inside": lambda s: s[:8] + "!" + s[8:],
            "a percent sign inside": lambda s: s[:8] + "%3D" + s[8:],
            "a NUL inside": lambda s: s[:8] + "\0" + s[8:],
            "the plain alphabet": lambda s: s.replace("-", "+").replace("_", "/") if set(s) & set("-_") else s[:4] + "+/" + s[4:],
            "one character too many": lambda s: s + "A" * ((1 - len(s)) % 4),
        }.items():
            parts = list(segments)
            parts[place] = change(parts[place])
            yield f"{what} in the {name}", b.sealed(parts[0], parts[1]) if place < 2 else ".".join(parts)
        for step in (1, 2, 3):
            parts = list(segments)
            # Lengthen the text until the last character has spare bits, then set one: another spelling of the same bytes.
            if place == 0:
                parts[0] = next(b64(raw(json.dumps(b.header()) + " " * n)) for n in range(3) if len(json.dumps(b.header()) + " " * n) % 3)
            if place == 1:
                parts[1] = next(b64(raw(json.dumps(b.claims()) + " " * n)) for n in range(3) if len(json.dumps(b.claims()) + " " * n) % 3)
            spare = parts[place][:-1] + ALPHABET[ALPHABET.index(parts[place][-1]) | step]
            if spare != parts[place]:
                parts[place] = spare
                yield f"spare bits {step} set in the {name}", b.sealed(parts[0], parts[1]) if place < 2 else ".".join(parts)


def bad_header_json(b: Bench) -> Family:
    good = json.dumps(b.header())
    for name, header in {
        "an array": [b.header()],
        "text": '"RS256"',
        "a number": "1",
        "null": "null",
        "an empty object": {},
        "nothing": b"",
        "cut short": good[:-1],
        "followed by more": good + "{}",
        "single quotes": good.replace('"', "'"),
        "a comment": good[:-1] + "/* */}",
        "a trailing comma": good[:-1] + ",}",
        "NaN": good[:-1] + ',"x5t":NaN}',
        "UTF-16": good.encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + good.encode(),
        "bytes that are no UTF-8": good.encode()[:-1] + b',"x5t":"\xff"}',
        "deep": good[:-1] + ',"x5t":' + "[" * 60 + "]" * 60 + "}",
        "very deep": "[" * 5000,
        "alg twice": '{"alg":"none",' + good[1:],
        "alg twice, the good one first": good[:-1] + ',"alg":"HS256"}',
        "the same alg twice": good[:-1] + ',"alg":"RS256"}',
        "kid twice": '{"kid":"x",' + good[1:],
        "typ twice": '{"typ":"JWT",' + good[1:],
        "a name twice below the top": good[:-1] + ',"x5t":{"a":1,"a":2}}',
        "a name twice through an escape": '{"\\u0061lg":"none",' + good[1:],
        "a member that nobody knows": good[:-1] + ',"admin":true}',
    }.items():
        yield f"header: {name}", b.token(header)


def wrong_algorithm(b: Bench) -> Family:
    for alg in ("none", "None", "NONE", "nOnE", "", " ", "RS256 ", "rs256", "RS384", "RS512", "PS256", "PS512", "ES384",
            "ES256K", "EdDSA", "A128GCM", "dir", "RSA1_5", None, 0, True, ["RS256"], {"alg": "RS256"}, ABSENT):  # fmt: skip
        token = b.token(b.header(alg=alg))
        yield f"alg {alg!r}", token
        yield f"alg {alg!r} without a signature", token.rpartition(".")[0] + "."
    public = b.r.public_key()
    secrets = {
        "PEM": public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "PEM without its last line break": public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).strip(),
        "PKCS1 PEM": public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        "DER": public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 DER": public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1),
        "JWK": json.dumps(public_of(b.r, "r1").jwk).encode(),
        "modulus": public.public_numbers().n.to_bytes(256, "big"),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        for alg, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            head, body = b64(raw(b.header(alg=alg))), b64(raw(b.claims()))
            yield f"{alg} with the public key's {name}", f"{head}.{body}.{b64(hmac.digest(secret, f'{head}.{body}'.encode(), digest))}"
    yield "ES256 with the RSA key's kid", b.token(b.header(alg="ES256"))
    yield "RS256 with the EC key's kid", b.token(b.header(kid="e1"))


def wrong_type(b: Bench) -> Family:
    for typ in ("JWT", "jwt", "AT+JWT", "at+JWT", "application/at+jwt", "at+jwt ", " at+jwt", "at", "", "id_token",
            "logout+jwt", "dpop+jwt", "client-authentication+jwt", "JOSE", "custodes-licence+jws", None, 1, True, ["at+jwt"],
            {"typ": "at+jwt"}, ABSENT):  # fmt: skip
        yield f"typ {typ!r}", b.token(b.header(typ=typ))


def wrong_key_name(b: Bench) -> Family:
    for kid in ("", " ", "r1 ", "R1", "r2", "o1", "../../../dev/null", "r1' OR '1'='1", "r1\n", "r1\0", "\ud800", "k" * 129,
            "k" * 5000, None, 1, True, 1.5, ["r1"], {"kid": "r1"}, ABSENT):  # fmt: skip
        yield f"kid {str(kid)[:20]!r}", b.token(b.header(kid=kid))


def forbidden_members(b: Bench) -> Family:
    own = public_of(b.stranger, "mine").jwk
    values: dict[str, list[Any]] = {
        "crit": [[], ["exp"], ["b64"], ["alg"], "b64", None],
        "b64": [False, True],
        "jku": ["https://attacker.example/jwks", ISSUER + "/jwks", "file:///etc/passwd", "http://169.254.169.254/"],
        "x5u": ["https://attacker.example/chain.pem", ISSUER + "/chain.pem"],
        "jwk": [own, {}, None],
        "x5c": [["MIIB"], []],
        "zip": ["DEF", None],
        "enc": ["A128GCM", None],
    }
    assert values.keys() == FORBIDDEN
    for member, given in values.items():
        for value in given:
            yield f"{member}={str(value)[:30]}", b.token(b.header(**{member: value}))
    head, body = b64(raw(b.header(alg="ES256", kid="mine", jwk=own))), b64(raw(b.claims()))
    numbers = decode_dss_signature(b.stranger.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    yield "a key of its own, and its signature", f"{head}.{body}.{b64(b''.join(n.to_bytes(32, 'big') for n in numbers))}"


def bad_signature(b: Bench) -> Family:
    head, body, signature = b.token().split(".")
    real = base64.urlsafe_b64decode(signature + "==")
    for name, forged in {
        "nothing": b"",
        "cut short": real[:-1],
        "one byte more": real + b"\0",
        "one byte before": b"\0" + real,
        "zeros": bytes(256),
        "ones": b"\xff" * 256,
        "one": (1).to_bytes(256, "big"),
        "the modulus": b.r.public_key().public_numbers().n.to_bytes(256, "big"),
        "another issuer's": b.other.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()),
        "over the claims alone": b.signature(body.encode(), "RS256"),
        "over the decoded text": b.signature(raw(b.header()) + b"." + raw(b.claims()), "RS256"),
    }.items():
        yield f"signature: {name}", f"{head}.{body}.{b64(forged)}"
    for position in range(0, 256, 16):
        flipped = bytearray(real)
        flipped[position] ^= 1 << (position % 8)
        yield f"signature: a bit flipped in byte {position}", f"{head}.{body}.{b64(bytes(flipped))}"
    yield "claims changed after signing", f"{head}.{b64(raw(b.claims(sub='police')))}.{signature}"
    yield "header changed after signing", f"{b64(raw(b.header(x5t='a')))}.{body}.{signature}"
    es = b.header(alg="ES256", kid="e1")
    ehead = b64(raw(es))
    message = f"{ehead}.{body}".encode()
    der = b.e.sign(message, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    for name, forged in {
        "in DER": der,
        "both zero": bytes(64),
        "r zero": bytes(32) + s.to_bytes(32, "big"),
        "s zero": r.to_bytes(32, "big") + bytes(32),
        "r and s the order": P256_ORDER.to_bytes(32, "big") * 2,
        "s above the order": r.to_bytes(32, "big") + min(s + P256_ORDER, 2**256 - 1).to_bytes(32, "big"),
        "swapped": s.to_bytes(32, "big") + r.to_bytes(32, "big"),
        "33 bytes each": r.to_bytes(33, "big") + s.to_bytes(33, "big"),
        "a stranger's": b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(b.stranger.sign(message, ec.ECDSA(hashes.SHA256())))),
    }.items():
        yield f"ES256 signature: {name}", f"{ehead}.{body}.{b64(forged)}"


def wrong_issuer_or_audience(b: Bench) -> Family:
    for iss in (ABSENT, None, "", 1, True, [ISSUER], {"iss": ISSUER}, ISSUER + "/", ISSUER.upper(), " " + ISSUER, ISSUER + " ",
            ISSUER + "\0", "https://idp.example.attacker.example", "idp.example", "http://idp.example", OTHER,
            "https://nobody.example"):  # fmt: skip
        yield f"iss {iss!r}", b.token(claims=b.claims(iss=iss))
    for aud in (ABSENT, None, "", 1, True, [], [[]], [""], [None], [1], [AUDIENCE, OTHER], [OTHER, AUDIENCE],
            [AUDIENCE, AUDIENCE], [[AUDIENCE]], {"aud": AUDIENCE}, {AUDIENCE: 1}, OTHER, AUDIENCE + "/", AUDIENCE.upper(),
            " " + AUDIENCE, AUDIENCE[:-1], "*", ISSUER):  # fmt: skip
        yield f"aud {aud!r}", b.token(claims=b.claims(aud=aud))


def wrong_names(b: Bench) -> Family:
    for claim in ("sub", "jti"):
        for value in (ABSENT, None, "", " ", "\u3000", 0, 1, True, 1.5, ["ngo"], {"id": "ngo"}, "x" * 256, "a\nb", "a\0b",
                "a\u2028b", "\ud800", "\x1b[31m"):  # fmt: skip
            yield f"{claim} {str(value)[:12]!r}", b.token(claims=b.claims(**{claim: value}))
    for value in (None, "", 1, ["ngo"], "a\nb"):
        yield f"client_id {value!r}", b.token(claims=b.claims(client_id=value))


def wrong_times(b: Bench) -> Family:
    for claim, good in (("exp", NOW + 600), ("iat", NOW - 5), ("nbf", NOW - 5)):
        for value in (None, "", str(good), f" {good}", "tomorrow", float(good) + 0.5, float(good), True, [good], {"t": good},
                -1, -(10**30), 10**30, "\uff11" * 10, datetime.fromtimestamp(good, UTC).isoformat()):  # fmt: skip
            yield f"{claim} {str(value)[:16]!r}", b.token(claims=b.claims(**{claim: value}))
        for text in ("1e999", "-1e999", "NaN", "Infinity", "1" * 5000, f"{good}.0", f"{good}e0", "0x10", "01"):
            claims = json.dumps(b.claims(**{claim: ABSENT}))[:-1] + f',"{claim}":{text}}}'
            yield f"{claim} {text[:16]}", b.token(claims=claims)
    yield "no exp", b.token(claims=b.claims(exp=ABSENT))
    yield "no iat", b.token(claims=b.claims(iat=ABSENT))
    for ago in (0, 1, 29, 31, 3600, 10**9):
        yield f"ended {ago} s ago", b.token(claims=b.claims(iat=NOW - ago - 60, exp=NOW - ago))
    for ahead in (32, 60, 3600, 86400):
        yield f"issued {ahead} s from now", b.token(claims=b.claims(iat=NOW + ahead, exp=NOW + ahead + 60))
        yield f"begins {ahead} s from now", b.token(claims=b.claims(nbf=NOW + ahead))
    for life in (901, 3600, 86400, 100 * 365 * 86400):
        yield f"lives {life} s", b.token(claims=b.claims(iat=NOW, exp=NOW + life))
    yield "issued in 1970", b.token(claims=b.claims(iat=0))
    yield "ends before it was issued", b.token(claims=b.claims(iat=NOW + 20, exp=NOW + 10))
    yield "ends when it was issued", b.token(claims=b.claims(iat=NOW + 10, exp=NOW + 10))


def bad_claims_json(b: Bench) -> Family:
    good = json.dumps(b.claims())
    for name, claims in {
        "an array": [b.claims()],
        "text": '"ngo"',
        "null": "null",
        "a number": "1",
        "nothing": b"",
        "an empty object": {},
        "cut short": good[:-1],
        "followed by more": good + "x",
        "NaN somewhere": good[:-1] + ',"x":NaN}',
        "Infinity somewhere": good[:-1] + ',"x":-Infinity}',
        "UTF-16": good.encode("utf-16"),
        "UTF-32": good.encode("utf-32"),
        "a byte order mark": b"\xef\xbb\xbf" + good.encode(),
        "bytes that are no UTF-8": good.encode()[:-1] + b',"x":"\xff"}',
        "a raw line break in a text": good[:-1] + ',"x":"a\nb"}',
        "deep": good[:-1] + ',"x":' + "[" * 40 + "]" * 40 + "}",
        "very deep": good[:-1] + ',"x":' + '{"a":' * 1100 + "1" + "}" * 1100 + "}",
        "a name twice below the top": good[:-1] + ',"act":{"sub":"a","sub":"b"}}',
        "a nested token": b.token(),
    }.items():
        yield f"claims: {name}", b.token(claims=claims)
    for claim, value in b.claims().items():
        yield f"{claim} twice, the same", b.token(claims=good[:-1] + f',"{claim}":{json.dumps(value)}}}')
        yield f"{claim} twice, another first", b.token(claims=f'{{"{claim}":"x",' + good[1:])
    yield "exp twice through an escape", b.token(claims=f'{{"e\\u0078p":{NOW + 10**6},' + good[1:])


FAMILIES: tuple[Callable[[Bench], Family], ...] = (
    wrong_form,
    loose_base64,
    bad_header_json,
    wrong_algorithm,
    wrong_type,
    wrong_key_name,
    forbidden_members,
    bad_signature,
    wrong_issuer_or_audience,
    wrong_names,
    wrong_times,
    bad_claims_json,
)


def controls(b: Bench) -> Family:
    es = b.header(alg="ES256", kid="e1")
    yield "RS256", b.token()
    yield "ES256", b.token(es)
    yield "audience as a list of one", b.token(claims=b.claims(aud=[AUDIENCE]))
    yield "no client_id", b.token(claims=b.claims(client_id=ABSENT))
    yield "with nbf", b.token(claims=b.claims(nbf=NOW))
    yield "life of exactly 15 minutes", b.token(claims=b.claims(iat=NOW, exp=NOW + 900))
    yield "life of one second more than now", b.token(claims=b.claims(exp=NOW + 60))
    yield "an issuer 20 s ahead", b.token(claims=b.claims(iat=NOW + 20, exp=NOW + 600))
    yield "begins in 20 s", b.token(claims=b.claims(nbf=NOW + 20))
    yield "unknown claims", b.token(claims=b.claims(scope="a b", roles=["admin"], kind="staff", amr=["pwd"]))
    yield "claims with numbers and nulls", b.token(claims=b.claims(auth_time=NOW - 5.5, middle_name=None))
    yield "nested claims", b.token(claims=b.claims(cnf={"jkt": "x"}, address={"a": {"b": [1, 2]}}))
    yield "text beyond ASCII", b.token(claims=b.claims(sub="größe-名前"))
    yield "a subject of 255 characters", b.token(claims=b.claims(sub="x" * 255))
    yield "a jti of one character", b.token(claims=b.claims(jti="1"))
    yield "JSON with blanks", b.token(json.dumps(b.header(), indent=1), json.dumps(b.claims(), indent=1))
    yield "members in another order", b.token(dict(reversed(b.header().items())), dict(reversed(b.claims().items())))
    yield "a certificate's thumbprint", b.token(b.header(x5t="dGh1bWI"))
    yield "escaped text", b.token(claims=json.dumps(b.claims()).replace('"sub": "ngo"', '"sub": "\\u006ego"'))
    yield "a token of 7 KB", b.token(claims=b.claims(pad="x" * 5000))
    yield "ES256, audience as a list of one", b.token(es, b.claims(aud=[AUDIENCE]))
    yield "ES256 with nbf", b.token(es, b.claims(nbf=NOW - 100))


def public_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str) -> PublicKey:
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    loaded = second_jwk.RSAKey.import_key(pem) if isinstance(key, rsa.RSAPrivateKey) else second_jwk.ECKey.import_key(pem)
    return PublicKey.from_jwk({**loaded.as_dict(private=False), "kid": kid})


class Book:
    """Two issuers on record; they share no key."""

    def __init__(self, bench: Bench) -> None:
        idp = {kid: VerifyingKey(public_of(key, kid)) for kid, key in (("r1", bench.r), ("e1", bench.e))}
        self._trusts = {
            ISSUER: Trust("idp", ISSUER, frozenset({AUDIENCE}), idp),
            OTHER: Trust("other", OTHER, frozenset({AUDIENCE}), {"o1": VerifyingKey(public_of(bench.other, "o1"))}),
        }

    def trust(self, issuer: str) -> Trust | str:
        return self._trusts.get(issuer, "issuer-unknown")
