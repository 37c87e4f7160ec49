"""Wait until a quorum of witnesses has cosigned the log, for whoever will go on only with that. Never lowers what the policy asks."""

import asyncio
from contextlib import suppress
from typing import Final

from gateway.audit.log import AuditLog
from gateway.audit.quorum import NONE, TrustPolicy, newest_witnessed
from gateway.clock import Clock
from gateway.errors import CustodesError
from gateway.witnessing.cosigning import Cosigning
from gateway.witnessing.posting import Post

_LOOK_BACK: Final = 64
_PAUSE_SECONDS: Final = 0.5


class NoQuorum(CustodesError):
    """The policy's quorum has not cosigned in time; the sentence says what each witness answered."""

    code = "quorum-missing"


async def cosigned_head(log: AuditLog, policy: TrustPolicy, post: Post, clock: Clock, *, covering: int, within: float) -> bytes:
    """Return the newest checkpoint of at least so many entries that a quorum has cosigned, with its lines.

    Asks the witnesses itself, and takes as well what a service that runs on the same log was given. Raises NoQuorum after `within`
    seconds, and at once if the policy asks for no witness."""
    if policy.quorum == NONE:
        raise NoQuorum("No quorum of witnesses is named, so none can cosign: name one in witnesses.policy, or export without --cosigned.")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    cosigning = await asyncio.to_thread(Cosigning, log, policy, post, clock)

    async def newest() -> bytes | None:
        return await asyncio.to_thread(lambda: newest_witnessed(policy, log.cosigned_checkpoints(_LOOK_BACK), covering))

    while (found := await newest()) is None:
        if loop.time() >= deadline:
            raise NoQuorum(
                f"The quorum {policy.quorum} has not cosigned the log's {covering} entries within {within:g} seconds: {_told(cosigning)}."
            )
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await cosigning.round(_PAUSE_SECONDS)
                if await newest() is None:
                    await asyncio.sleep(_PAUSE_SECONDS)
    return found


def _told(cosigning: Cosigning) -> str:
    witnesses = (cosigning.report() or {}).get("witnesses")
    told = witnesses.items() if isinstance(witnesses, dict) else ()
    return "; ".join(f"{name}: {one['state']}" + (f" ({one['why'].removesuffix('.')})" if one.get("why") else "") for name, one in told)
