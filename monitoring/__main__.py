"""The monitor's process: `python -m monitoring`. It listens on 127.0.0.1 and nowhere else."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from controller.errors import MonitorError, TsunaguError
from controller.inputs.shown_text import escape_lines
from controller.model.loading.load_city import load_city
from controller.operations.operators_file import load_operations
from controller.telemetry.registry import DAY, Writer
from monitoring.city_state.monitor import Monitor
from monitoring.ingest.sender_tokens import load_sender_tokens
from monitoring.timeseries.retention import EVENTS_KEPT, ROLLOUTS_KEPT, KeptSeconds
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web.app import build_application
from monitoring.web.bounded_connection import BoundedConnection

ADDRESS = "127.0.0.1"
SHOWN = 10
PATIENCE_SECONDS = 3
"""How long requests that are under way have when the monitor stops."""


class MonitorServer(uvicorn.Server):
    """Ends the open pages' streams before it waits for requests to end: they would never."""

    def __init__(self, config: uvicorn.Config, monitor: Monitor) -> None:
        super().__init__(config)
        self._monitor = monitor

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new requests, what is under way ends, what was taken is written."""
        self._monitor.stream.close()
        await super().shutdown(sockets)


def serve_application(app: Starlette, listener: socket.socket) -> None:
    """Serve until the process is told to stop."""
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        access_log=False,
        log_level="error",  # a line for each broken request would let anybody fill a log
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=PATIENCE_SECONDS,
    )
    asyncio.run(MonitorServer(config, app.state.monitor).serve([listener]))


def open_listener(port: int) -> socket.socket:
    """A socket on loopback.

    Raises:
        MonitorError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen()  # only then is the port surely ours: two may bind to it
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno or 0)
        message = f"port {port} of {ADDRESS} cannot be listened on ({reason}); choose another with --port"
        raise MonitorError(message) from None
    return listener


def main(words: list[str]) -> int:
    """Run a monitor; 0 when it was told to stop, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m monitoring")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--policies", type=Path, required=True)
    for writer in Writer:
        parser.add_argument(f"--{writer}-token", type=Path, required=True, help="file with the token; made if missing")
    parser.add_argument("--events-days", type=int, default=EVENTS_KEPT // DAY)
    parser.add_argument("--rollouts-days", type=int, default=ROLLOUTS_KEPT // DAY)
    wanted = parser.parse_args(words)
    os.umask(0o077)  # what a monitor keeps is nobody else's, whatever the shell says
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        city = load_city(wanted.policies, bounds=load_operations(policies=wanted.policies).get_bounds())
        kept = KeptSeconds(wanted.events_days * DAY, wanted.rollouts_days * DAY)
        tokens = load_sender_tokens({writer: getattr(wanted, f"{writer}_token") for writer in Writer})
        with open_listener(wanted.port) as listener, TimeSeriesStore(wanted.store) as store:
            app = build_application(city, store, tokens, kept)
            sys.stdout.write(f"monitor: http://{ADDRESS}:{listener.getsockname()[1]}/ (Ctrl-C stops it)\n")
            sys.stdout.flush()
            for sentence in _describe_start(app.state.monitor):
                _say(sentence)
            try:
                serve_application(app, listener)
            finally:
                # Who comes to a terminal later sees its end, not its beginning.
                if store.moved_aside is not None:
                    _say(_describe_damage(store))
    except TsunaguError as error:
        sys.stderr.write(escape_lines(f"tsunagu: {error}") + "\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


def _describe_start(monitor: Monitor) -> Iterator[str]:
    """What was found wrong with what was kept, in sentences."""
    if monitor.store.moved_aside is not None:
        yield f"{monitor.store.damage}"
        yield _describe_damage(monitor.store)
    if monitor.gone:
        yield f"deleted what was kept of schools that are gone: {', '.join(monitor.gone[:SHOWN])}"
    if monitor.store.future:
        yield (
            f"{monitor.store.future} values are dated later than now: this machine's clock was put back; "
            "they count as what was last known, until a sender speaks"
        )


def _describe_damage(store: TimeSeriesStore) -> str:
    return (
        f"{store.path}: was damaged and is moved aside as {store.moved_aside}; this monitor went on with a new, empty "
        "store. To have the past back, stop the monitor and put a backup in its place"
    )


def _say(sentence: str) -> None:
    sys.stderr.write(escape_lines(f"monitor: {sentence}") + "\n")


def _interrupt(*_: object) -> None:
    """Told to stop is told to stop, whether by Ctrl-C or by a service manager."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
