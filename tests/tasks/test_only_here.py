import asyncio
from typing import Any

import pytest

from drbn_lightning.tasks.only_here import OnlyHere


def status(listening: str, kind: str = "http", **headers: str) -> list[Any]:
    """What is sent in answer to a request with these headers, by a page that listens on `listening`."""
    sent = list[Any]()

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("status", message.get("code")))

    scope = {"type": kind, "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]}
    asyncio.run(OnlyHere(application, listening)(scope, None, send))
    return sent


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860"])
def test_its_own_machine_is_answered(host: str) -> None:
    assert status("127.0.0.1", host=host) == [200]
    assert status("127.0.0.1", host=host, origin=f"http://{host}") == [200]
    assert status("::1", host=host) == [200]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:7860"}, {"host": "127.0.0.1.evil.example"}, {"host": "localhost@evil.example"}, {},
        {"host": "127.0.0.1:7860", "origin": "https://evil.example"}, {"host": "127.0.0.1:7860", "origin": "null"},
        {"host": "[::1"}, {"host": "127.0.0.1:7860", "origin": "http://localhost.evil.example"},
    ],
)  # fmt: skip
def test_pages_of_other_machines_are_not(headers: dict[str, str]) -> None:
    assert status("127.0.0.1", **headers)[0] == 403
    assert status("127.0.0.1", "websocket", **headers) == [1008]


def test_a_page_for_everybody_answers_by_every_name() -> None:
    assert status("0.0.0.0", host="my-machine:7860", origin="http://my-machine:7860") == [200]
    assert status("127.0.0.2", host="127.0.0.2:7860") == [200]
