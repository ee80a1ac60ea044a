"""The applications of the virtual city: one process that answers HTTP at each of their addresses.

Run as `python -m controller.lab.services.applications STATE`. Prints its process number when all of them listen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.lab.services.http_server import Handler, local_address, open_listener, serve_http
from controller.lab.state import undo_log
from controller.lab.state.layout import Listener

_ONE_ANSWER = {"connection": "close"}
"""A connection is one trial: whoever asks reads to its end."""


def answer_by_address(listeners: Iterable[Listener]) -> Handler:
    """Return what answers at listeners: which applications each stands for, and where."""
    known = {
        (one.address, one.port): {"applications": list(one.applications), "address": one.address} for one in listeners
    }

    async def answer(request: Request) -> Response:
        if (request.method, request.scope["path"]) != ("GET", "/"):
            return Response(status_code=HTTPStatus.NOT_FOUND, headers=_ONE_ANSWER)
        return JSONResponse(known[local_address(request)], headers=_ONE_ANSWER)

    return answer


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read_record(state)
    if record is None:
        sys.exit(f"no lab in {state}")
    listeners = record.layout.listeners
    serve_http(answer_by_address(listeners), map(open_listener, listeners))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
