"""Name what identity refuses. The caller hears one sentence whatever was wrong with a token; the audit entry gets the reason."""

from gateway.errors import CustodesError


class IdentityError(CustodesError):
    """The caller cannot be let in, or an issuer cannot be trusted."""

    code = "identity-refused"


class TokenRefused(IdentityError):
    """The token is not accepted. `reason` is for the audit entry alone: what is wrong with a forgery is not told to the forger.

    `issuer` is the unverified `iss` when the token got that far; it must not leave the process."""

    code = "token-refused"

    def __init__(self, reason: str, token_hash: str = "", issuer: str | None = None) -> None:
        super().__init__("The access token is not accepted; get a new one from your issuer and send it as `Authorization: Bearer TOKEN`.")
        self.reason = reason
        self.token_hash = token_hash
        self.issuer = issuer


class CallerRefused(IdentityError):
    """The token is good, but whoever it names may not act here: unknown-client, staff-inactive, client-needed, staff-needed."""

    code = "unknown-client"


class RoleMissing(IdentityError):
    """The caller does not hold the role that this needs."""

    code = "role-missing"

    def __init__(self, role: str) -> None:
        super().__init__(f"This needs the role `{role}`; ask a registrar to give it to you.")
        self.role = role


class IssuerRefused(IdentityError):
    """An issuer's address or documents cannot be trusted; `code` says why.

    issuer-url, issuer-unreachable, discovery-malformed, discovery-other-issuer, jwks-too-large, jwks-malformed, jwks-empty."""

    code = "issuer-url"


class SignInRefused(IdentityError):
    """Somebody who came from the organisation's provider is not let in. `reason` is for the audit entry.

    `told` is what the provider itself said, if it said anything: a text from outside, to be shown as text only."""

    code = "sign-in-refused"

    def __init__(self, reason: str, told: str = "", token_hash: str | None = None) -> None:
        super().__init__("The sign-in at your organisation did not succeed; begin it again, or use a one-time link.")
        self.reason = reason
        self.told = told
        self.token_hash = token_hash


class ProviderUnavailable(IdentityError):
    """The organisation's provider cannot be asked now, or is not trusted; the sentence says which."""

    code = "provider-unavailable"


class KeyringDamaged(IdentityError):
    """A private key of the gateway is missing, unreadable or no key; the sentence names the file."""

    code = "keyring-damaged"


class TokenRequestRefused(IdentityError):
    """The built-in issuer gives no token; `code` is the OAuth error (`-` for `_`), `reason` is for the audit entry alone."""

    code = "invalid-request"

    def __init__(self, code: str, sentence: str, reason: str) -> None:
        super().__init__(sentence, code=code)
        self.reason = reason
