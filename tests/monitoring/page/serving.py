"""Serving figures on a free port of the loopback, in a thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from controller.lab.state.processes import wait_until
from tests.monitoring.page.figures import Figures

_PATIENCE = 20.0


@contextmanager
def served(figures: Figures, port: int = 0) -> Iterator[str]:
    """The address of the pages, which are there until the context ends."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        figures.application(), log_level="warning", ws="none", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="figures")
    thread.start()
    try:
        assert wait_until(lambda: server.started, _PATIENCE), "the server did not start"
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        figures.hang_up()
        server.should_exit = True
        thread.join(_PATIENCE)
        listener.close()
