"""More hostile tokens: confused keys, twisted signatures, disguised names, nested formats, blanks and alphabets, odd numbers.

Each is one change away from a good token, and most bear a signature that is good for what they say. Long, because it is a list."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.gateway.identity.hostile import ABSENT, AUDIENCE, ISSUER, NOW, OTHER, P256_ORDER, Bench, Family, b64, public_of, raw

P256_PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def encodings(b: Bench) -> dict[str, bytes]:
    """The public keys as somebody might mistake them for a shared secret."""
    r, e = b.r.public_key(), b.e.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem, der = (r.public_bytes(form, spki) for form in (serialization.Encoding.PEM, serialization.Encoding.DER))
    numbers, point = r.public_numbers(), e.public_numbers()
    x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
    jwk = public_of(b.r, "r1").jwk
    return {
        "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "PEM without its frame": b"".join(pem.splitlines()[1:-1]),
        "PEM with a blank line": pem + b"\n",
        "PEM as base64": base64.b64encode(pem),
        "DER as base64": base64.b64encode(der),
        "DER as hex": der.hex().encode(),
        "DER's SHA-256": hashlib.sha256(der).digest(),
        "JWK, members in order": json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode(),
        "key set": json.dumps({"keys": [jwk]}).encode(),
        "modulus as text": jwk["n"].encode(),
        "modulus in decimal": str(numbers.n).encode(),
        "exponent": numbers.e.to_bytes(3, "big"),
        "exponent as text": b"AQAB",
        "SSH form": r.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        "name": b"r1",
        "issuer": ISSUER.encode(),
        "EC PEM": e.public_bytes(serialization.Encoding.PEM, spki),
        "EC DER": e.public_bytes(serialization.Encoding.DER, spki),
        "EC point": b"\x04" + x + y,
        "EC point, compressed": bytes([2 + (point.y & 1)]) + x,
        "EC coordinates": x + y,
        "32 zeros": bytes(32),
    }


def confused_keys(b: Bench) -> Family:
    body = b64(raw(b.claims()))
    for name, secret in encodings(b).items():
        for alg, digest in (("HS256", hashlib.sha256), ("RS256", hashlib.sha256), ("ES256", hashlib.sha256)):
            head = b64(raw(b.header(alg=alg, kid="e1" if "EC" in name or alg == "ES256" else "r1")))
            yield f"{alg}, HMAC under the {name}", f"{head}.{body}.{b64(hmac.digest(secret, f'{head}.{body}'.encode(), digest))}"
    for kid, alg, other in (("r1", "RS256", "ES256"), ("e1", "ES256", "RS256")):
        head = b64(raw(b.header(alg=alg, kid=kid)))
        message = f"{head}.{body}".encode()
        yield f"{alg} with a signature of {other}", f"{head}.{body}.{b64(b.signature(message, other, 'e1' if other == 'ES256' else 'r1'))}"


def twisted_ec(b: Bench) -> Family:
    head, body = b64(raw(b.header(alg="ES256", kid="e1"))), b64(raw(b.claims()))
    message = f"{head}.{body}".encode()
    der = b.e.sign(message, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    big, edge = 2**256 - 1, (0, 1, P256_ORDER - 1, P256_ORDER, P256_ORDER + 1, P256_PRIME, 2**256 - 1)
    pairs = {f"({left:x}, {right:x})"[:40] + f" {i}{k}": (left, right) for i, left in enumerate(edge) for k, right in enumerate(edge)}
    pairs |= {
        "r plus the order": (min(r + P256_ORDER, big), s),
        "r and its complement": (P256_ORDER - r, s),
        "both r": (r, r),
        "both s": (s, s),
    }
    for name, (left, right) in pairs.items():
        yield f"r, s = {name}", f"{head}.{body}.{b64(left.to_bytes(32, 'big') + right.to_bytes(32, 'big'))}"
    good = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    for name, forged in {
        "little-endian": good[:32][::-1] + good[32:][::-1],
        "as hex": good.hex().encode(),
        "as base64": base64.b64encode(good),
        "twice": good + good,
        "and one byte more": good + b"\0",
        "without its last byte": good[:-1],
        "r alone": good[:32],
        "DER and garbage": der + b"garbage",
        "DER of zeros": bytes.fromhex("3006020100020100"),
        "48 bytes each": r.to_bytes(48, "big") + s.to_bytes(48, "big"),
        "over SHA-384": b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(b.e.sign(message, ec.ECDSA(hashes.SHA384())))),
        "of another message": b.signature(b"another", "ES256", "e1"),
    }.items():
        yield f"ES256 signature: {name}", f"{head}.{body}.{b64(forged)}"


def wrong_blocks(b: Bench, message: bytes) -> dict[str, bytes]:
    """Signatures by the private key itself, over blocks that are not exactly those of RFC 8017."""
    numbers, size = b.r.private_numbers(), 256
    n = numbers.public_numbers.n
    info, digest = bytes.fromhex("3031300d060960864801650304020105000420"), hashlib.sha256(message).digest()
    short_info = bytes.fromhex("302f300b0609608648016503040201" + "0420")

    def private(block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), numbers.d, n).to_bytes(size, "big")

    def padded(tail: bytes, kind: bytes = b"\x01", fill: bytes = b"\xff") -> bytes:
        return b"\0" + kind + fill * (size - 3 - len(tail)) + b"\0" + tail

    return {
        "without DigestInfo": private(padded(digest)),
        "DigestInfo without NULL": private(padded(short_info + digest)),
        "short padding, garbage behind": private(b"\0\1" + b"\xff" * 8 + b"\0" + info + digest + b"g" * (size - 11 - len(info) - 32)),
        "no padding at all, garbage behind": private(b"\0\1\0" + info + digest + b"g" * (size - 3 - len(info) - 32)),
        "block type 2": private(padded(info + digest, b"\x02")),
        "block type 0": private(padded(info + digest, b"\0", b"\0")),
        "padding of zeros": private(padded(info + digest, fill=b"\0")),
        "digest twice": private(padded(info + digest + digest)),
        "digest cut": private(padded(info + digest[:-1])),
        "the message itself": private(padded(message[:100])),
    }


def twisted_rsa(b: Bench) -> Family:
    head, body = b64(raw(b.header())), b64(raw(b.claims()))
    message = f"{head}.{body}".encode()
    numbers = b.r.private_numbers()
    n, size = numbers.public_numbers.n, 256
    real = int.from_bytes(b.r.sign(message, padding.PKCS1v15(), hashes.SHA256()), "big")
    for name, forged in {
        "and garbage": real.to_bytes(size, "big") + b"garbage",
        "plus the modulus": (real + n).to_bytes(size + 1, "big"),
        "its complement": (n - real).to_bytes(size, "big"),
        "backwards": real.to_bytes(size, "big")[::-1],
        "as hex": real.to_bytes(size, "big").hex().encode(),
        "in a longer field": real.to_bytes(size + 8, "big"),
        "SHA-1": b.r.sign(message, padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303 - it is to be refused
        "SHA-384": b.r.sign(message, padding.PKCS1v15(), hashes.SHA384()),
        "SHA-512": b.r.sign(message, padding.PKCS1v15(), hashes.SHA512()),
        "PSS": b.r.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
        "PSS without salt": b.r.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256()),
        "two": (2).to_bytes(size, "big"),
        "the modulus less one": (n - 1).to_bytes(size, "big"),
        "of the header alone": b.signature(head.encode(), "RS256"),
        "with a line break signed along": b.signature(message + b"\n", "RS256"),
        "over another split": b.signature(message.replace(b".", b""), "RS256"),
        **wrong_blocks(b, message),
    }.items():
        yield f"RS256 signature: {name}", f"{head}.{body}.{b64(forged)}"


def other_formats(b: Bench) -> Family:
    good = b.token()
    head, body, signature = good.split(".")
    jwe = b64(raw({"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "at+jwt", "kid": "r1"}))
    yield from {
        "JWE": f"{jwe}.{b64(b'k' * 256)}.{b64(b'i' * 12)}.{body}.{b64(b't' * 16)}",
        "JWE with a key of its own": f"{b64(raw(b.header(alg='dir', enc='A256GCM')))}..{b64(b'i' * 12)}.{body}.{b64(b't' * 16)}",
        "JWE header, three segments": f"{jwe}.{body}.{signature}",
        "nested, said by cty": b.token(b.header(cty="JWT"), good.encode()),
        "nested without a word": b.token(claims=good.encode()),
        "nested in a claim": b.token(claims={"jwt": good}),
        "a text that holds claims": b.token(claims=json.dumps(json.dumps(b.claims()))),
        "a list that holds claims": b.token(claims=[b.claims()]),
        "detached payload": f"{head}..{signature}",
        "unencoded payload": f"{b64(raw(b.header(b64=False, crit=['b64'])))}.{json.dumps(b.claims())}.{signature}",
        "general JSON": json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]}),
        "SD-JWT": f"{good}~",
        "SD-JWT with a disclosure": f"{good}~{b64(b'[]')}~",
        "PASETO": f"v4.public.{body}",
        "base64 of a token": b64(good.encode()),
        "in quotes": f'"{good}"',
        "in angle brackets": f"<{good}>",
        "escaped for a URL": good.replace(".", "%2E"),
        "a comma and another": f"{good},{good}",
        "two of them": f"{good} {good}",
        "a parameter behind": f"{good}; alg=none",
        "token68 padding": f"{good}==",
        "upper case": good.upper(),
        "backwards": good[::-1],
        "segments in another order": f"{body}.{head}.{signature}",
        "a UUID": "123e4567-e89b-42d3-a456-426614174000",
        "a path": "../../etc/passwd",
        "null": "null",
        "undefined": "undefined",
        "braces": "{}.{}.{}",
        "a megabyte of dots": "." * 1_000_000,
        "8192 letters": "A" * 8192,
    }.items()


DISGUISES: dict[str, Callable[[str], str]] = {
    "in capitals": str.upper,
    "with a capital": str.capitalize,
    "with a blank": lambda name: name + " ",
    "with a NUL": lambda name: name + "\0",
    "with a zero-width space": lambda name: name[0] + "\u200b" + name[1:],
    "with a combining accent": lambda name: name + "\u0301",
    "in full width": lambda name: "".join(chr(ord(letter) + 0xFEE0) for letter in name),
    "behind a byte order mark": lambda name: "\ufeff" + name,
    "with a lone surrogate": lambda name: name + "\ud800",
    "written right to left": lambda name: "\u202e" + name[::-1],
}


def disguised_names(b: Bench) -> Family:
    for name in ("alg", "typ", "kid"):
        for how, change in DISGUISES.items():
            header = {change(member) if member == name else member: value for member, value in b.header().items()}
            yield f"header: {name} {how}", b.token(json.dumps(header))
            yield f"header: {name}, and again {how}", b.token(json.dumps({**b.header(), change(name): "x"}))
    for name in ("iss", "aud", "sub", "iat", "exp", "jti"):
        for how, change in DISGUISES.items():
            claims = {change(claim) if claim == name else claim: value for claim, value in b.claims().items()}
            yield f"claims: {name} {how}", b.token(claims=json.dumps(claims))


def texts_that_are_no_json(good: str) -> dict[str, str]:
    return {
        "a comment before": "/* x */" + good,
        "a line of comment": "// x\n" + good,
        "a hash comment": "# x\n" + good,
        "an HTML comment": "<!-- -->" + good,
        "names without quotes": good.replace('"typ"', "typ").replace('"exp"', "exp"),
        "a plus before a number": good[:-1] + ',"x5t":+1}',
        "a number that ends in a point": good[:-1] + ',"x5t":1.}',
        "a number that begins with one": good[:-1] + ',"x5t":.5}',
        "a hexadecimal number": good[:-1] + ',"x5t":0x1F}',
        "an octal number": good[:-1] + ',"x5t":017}',
        "a number with underscores": good[:-1] + ',"x5t":1_000}',
        "Python's True": good[:-1] + ',"x5t":True}',
        "undefined": good[:-1] + ',"x5t":undefined}',
        "minus infinity": good[:-1] + ',"x5t":-Infinity}',
        "a bad escape": good[:-1] + ',"x5t":"\\x41"}',
        "half an escape": good[:-1] + ',"x5t":"\\u00"}',
        "a raw tab in a text": good[:-1] + ',"x5t":"a\tb"}',
        "a NUL behind": good + "\0",
        "a NUL before": "\0" + good,
        "a NUL between": good.replace(", ", ",\0"),
        "a no-break space": good.replace(", ", ",\xa0"),
        "a form feed": good.replace(", ", ",\f"),
        "a vertical tab": good.replace(", ", ",\v"),
        "a byte order mark as an escape": "\\ufeff" + good,
        "two objects": good + good,
        "a line each": good + "\n" + good,
        "a comma behind": good + ",",
        "a comma before": "{," + good[1:],
        "an equals sign": good.replace(": ", " = ", 1),
        "brackets that do not match": good[:-1] + "]",
        "no end": good + "{",
        "YAML": "alg: RS256\ntyp: at+jwt\nkid: r1\n",
        "a form": "alg=RS256&typ=at%2Bjwt&kid=r1",
    }


def no_json(b: Bench) -> Family:
    for part, good in (("header", json.dumps(b.header())), ("claims", json.dumps(b.claims()))):
        for what, text in texts_that_are_no_json(good).items():
            yield f"{part}: {what}", b.token(text) if part == "header" else b.token(claims=text)
        for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-7"):
            data = good.encode(codec).replace(b"{", b"+AHs-") if codec == "utf-7" else good.encode(codec)
            yield f"{part}: {codec}", b.token(data) if part == "header" else b.token(claims=data)
        overlong = good.encode().replace(b'"', b"\xc0\xa2")
        yield f"{part}: overlong UTF-8", b.token(overlong) if part == "header" else b.token(claims=overlong)


def odd_numbers(b: Bench) -> Family:
    for claim, good in (("exp", NOW + 600), ("iat", NOW - 5), ("nbf", NOW - 5)):
        for text in (
            f"{good}.0", f"{good}.00000", f"{good}E0", f"{good // 10}e1", f"{good * 10}e-1", "1e400", "-1e400", "-0.0", "0.5",
            str(2**63), str(2**64),
            str(10**400), str(good * 1000), str(good * 10**6), f"-{good}", "true", "false", "null", f'"{good}"', f'"{hex(good)}"',
            '"never"', "[]", "{}",
            f"[{good}]", f'{{"$numberLong":"{good}"}}', '"\u0661\u0667\u0660"', '"\\u0031"', "253402300800",
        ):  # fmt: skip
            claims = json.dumps(b.claims(**{claim: ABSENT}))[:-1] + f',"{claim}":{text}}}'
            yield f"{claim} = {text[:24]}", b.token(claims=claims)
    yield "iat = -0", b.token(claims=json.dumps(b.claims(iat=ABSENT))[:-1] + ',"iat":-0}')
    yield "exp = -0", b.token(claims=json.dumps(b.claims(exp=ABSENT))[:-1] + ',"exp":-0}')


def audiences(b: Bench) -> Family:
    for aud in ([AUDIENCE, AUDIENCE], [AUDIENCE] * 1000, [AUDIENCE, None], [None, AUDIENCE], [AUDIENCE, ""], [AUDIENCE,
    AUDIENCE.upper()], [[AUDIENCE]],
            [{"aud": AUDIENCE}], {"0": AUDIENCE}, ["*"], "*", "https://*", AUDIENCE + "/", AUDIENCE + "/v1", AUDIENCE + "?",
            AUDIENCE + "#", AUDIENCE + ":443",
            AUDIENCE + ".", AUDIENCE + "\0", AUDIENCE + " ", f"{AUDIENCE} {OTHER}", f"{AUDIENCE},{OTHER}",
            AUDIENCE.replace("https", "http"),
            AUDIENCE.replace("a", "\u0430"), AUDIENCE[:-1], AUDIENCE + "x", ISSUER, "ngo", [AUDIENCE, ["x"]], [True], True, 0,
            "\ud800"):  # fmt: skip
        yield f"aud {str(aud)[:40]!r}", b.token(claims=b.claims(aud=aud))


def blanks_and_alphabets(b: Bench) -> Family:
    segments = b.token().split(".")
    marks = (
        " ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\v",
        "\f",
        "\x1f",
        "\x85",
        "\xa0",
        "\u2028",
        "\ufeff",
        "=",
        "==",
        "+",
        "/",
        "%2B",
        ",",
        ";",
        ":",
        "~",
        "$",
    )
    for place, what in enumerate(("header", "claims", "signature")):
        for mark in marks:
            for where, cut in (("before", 0), ("inside", 8), ("behind", len(segments[place]))):
                parts = list(segments)
                parts[place] = parts[place][:cut] + mark + parts[place][cut:]
                token = ".".join(parts)
                # Signed anew where the text is what is signed: the signature is good for the very spelling.
                yield f"{mark!r} {where} the {what}", b.sealed(parts[0], parts[1]) if place < 2 and token.isascii() else token


def key_names(b: Bench) -> Family:
    for kid in ("r1/", "./r1", "/dev/null", "..\\r1", "file:///keys/r1", "http://169.254.169.254/", "r1;", "r1--",
    "r1\" OR 1=1 --", "' UNION SELECT 'k", "r1|id",
            "$(id)", "`id`", "${jndi:ldap://x}", "{{7*7}}", "%72%31", "r%31", "\\u0072\\u0031", "r\uff11", "\uff521", "r1\u200b",
            "r1\u0301", "\u202er1", "r1\u00ad",
            "\u0433" + "1", "r1\xa0", "r1\u2028", "r1\t", "r1\0r1", "__proto__", "constructor", "toString", "keys/0", "#/keys/0",
            "0", "*", "r?", "r1,e1", "o1",
            "e1", "k" * 128, "k" * 300, "\U0001f511"):  # fmt: skip
        yield f"kid {kid[:24]!r}", b.token(b.header(kid=kid))
        yield (
            f"kid {kid[:24]!r} under ES256",
            b.token(b.header(kid=kid, alg="ES256")) if kid != "e1" else b.token(b.header(kid="e1", alg="RS256")),
        )


def type_names(b: Bench) -> Family:
    for typ in ("At+Jwt", "aT+jWT", "application/AT+JWT", "Application/at+jwt", "application/at+jwt; charset=utf-8", "at+jwt;v=1",
    "at%2Bjwt", "at jwt", "at-jwt",
            "at+jwt\0", "at+jwt\n", "\u00e0t+jwt", "a\u0442+jwt", "at\uff0bjwt", "at\u200b+jwt", "+jwt", "at+", "at+jwt,JWT",
            "JWT,at+jwt", "rt+jwt",
            "secevent+jwt", "oauth-authz-req+jwt", "entity-statement+jwt", "custodes-authorisation+jws", "at+sd-jwt",
            "at+JWS"):  # fmt: skip
        yield f"typ {typ!r}", b.token(b.header(typ=typ))
        yield f"typ {typ!r} under ES256", b.token(b.header(typ=typ, alg="ES256", kid="e1"))


def foreign_keys(b: Bench) -> Family:
    def by(key: Any, **changes: Any) -> str:
        head, body = b64(raw(b.header(**changes.pop("header", {})))), b64(raw(b.claims(**changes)))
        return f"{head}.{body}.{b64(key.sign(f'{head}.{body}'.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    yield "another issuer's key under our issuer's name and kid", by(b.other)
    yield "another issuer's key and kid, our issuer's name", by(b.other, header={"kid": "o1"})
    yield "our issuer's key, another issuer's name", by(b.r, iss=OTHER)
    yield "our issuer's key, another issuer's name and kid", by(b.r, iss=OTHER, header={"kid": "o1"})
    yield "another issuer's key, whose name has a slash", by(b.other, iss=OTHER + "/", header={"kid": "o1"})
    yield "another issuer's key, in the gateway's own name", by(b.other, iss=AUDIENCE, header={"kid": "o1"})
    yield "another issuer's key, under a client's name", by(b.other, iss="ngo", sub="ngo", header={"kid": "o1"})


def at_the_boundary(b: Bench) -> Family:
    for alg in ({}, {"alg": "ES256", "kid": "e1"}):
        for name, changes in {
            "ends now": {"exp": NOW},
            "ended a second ago": {"exp": NOW - 1},
            "ended 29 s ago": {"exp": NOW - 29},
            "ended 30 s ago": {"exp": NOW - 30},
            "ended 31 s ago": {"exp": NOW - 31},
            "issued in 31 s": {"iat": NOW + 31, "exp": NOW + 600},
            "begins in 31 s": {"nbf": NOW + 31},
            "begins after its end": {"nbf": NOW + 700},
            "15 minutes and a second": {"iat": NOW - 1, "exp": NOW + 900},
            "15 minutes and a second, most of it gone": {"iat": NOW - 900, "exp": NOW + 1},
            "issued in the future, and 16 minutes long": {"iat": NOW + 30, "exp": NOW + 990},
        }.items():
            yield f"{name} {alg.get('alg', 'RS256')}", b.token(b.header(**alg), b.claims(**{"iat": NOW - 60, **changes}))


MORE = (
    confused_keys, twisted_ec, twisted_rsa, other_formats, disguised_names, no_json, odd_numbers, audiences, blanks_and_alphabets,
    key_names,
    type_names, foreign_keys, at_the_boundary,
)  # fmt: skip


def more_controls(b: Bench) -> Family:
    """Good tokens at the very edge: each is one second, or one spelling, away from a hostile one."""
    yield "ends in a second", b.token(claims=b.claims(iat=NOW - 60, exp=NOW + 1))
    yield "issued in 30 s", b.token(claims=b.claims(iat=NOW + 30, exp=NOW + 600))
    yield "begins in 30 s", b.token(claims=b.claims(nbf=NOW + 30))
    yield "15 minutes, all but a second of it gone", b.token(claims=b.claims(iat=NOW - 899, exp=NOW + 1))
    yield "a name written with an escape", b.token(json.dumps(b.header()).replace('"alg"', '"\\u0061lg"'))
    yield "the other half of the curve", with_the_twin(b, b.token(b.header(alg="ES256", kid="e1")))


def with_the_twin(b: Bench, token: str) -> str:
    """The same ES256 token under (r, n - s): as good a signature, and whoever holds the one can make the other."""
    head, body, signature = token.split(".")
    data = base64.urlsafe_b64decode(signature + "==")
    twin = P256_ORDER - int.from_bytes(data[32:], "big")
    return f"{head}.{body}.{b64(data[:32] + twin.to_bytes(32, 'big'))}"
