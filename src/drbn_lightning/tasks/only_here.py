"""What stands before the page: it asks no other machine for anything, and serves no page of another one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
)
"""Forbids the browser to ask any other machine for anything."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
REFUSED = (
    b"This page answers its own machine only, by the name localhost or 127.0.0.1; --host ADDRESS lets others in.\n"
)


def _host(address: str) -> str | None:
    """The host of an address, in lower case; None where there is none."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


class OnlyHere:
    """Adds `POLICY` to every answer, and has a page of this machine answer no page of another one; ASGI middleware.

    A web page elsewhere may send a browser of this machine here, under its own name (DNS rebinding) or as its origin.
    """

    def __init__(self, app: Callable[..., Any], host: str = "127.0.0.1") -> None:
        """Stand before another application, which listens on `host`."""
        self.app = app
        self.names = {host, *LOOPBACK} if host in LOOPBACK or host.startswith("127.") else None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's
        """Answer as the application does, with one more header."""
        headers = {name: value.decode("latin-1") for name, value in scope.get("headers", [])}
        asked = [f"//{headers.get(b'host', '')}", *([headers[b"origin"]] if b"origin" in headers else [])]
        if self.names is not None and scope["type"] != "lifespan" and not self.names.issuperset(map(_host, asked)):
            if scope["type"] == "http":
                await send(
                    {"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]}
                )
                await send({"type": "http.response.body", "body": REFUSED})
            else:
                await send({"type": "websocket.close", "code": 1008})
            return

        async def with_policy(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, with_policy)
