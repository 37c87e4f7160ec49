"""Routes whose endpoint reads the request by itself. FastAPI describes and finds them; it must never touch their body."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class PlainRoute(APIRoute):
    """A route that hands its endpoint the request and the path's parameters, as text.

    FastAPI would work out at each request which of the endpoint's arguments to fill, which costs more than a decision does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler: FastAPI's documented hook for routes of one's own."""
        endpoint: Callable[..., Coroutine[Any, Any, Response]] = self.endpoint

        async def handle(request: Request) -> Response:
            return await endpoint(request, **request.path_params)

        return handle
