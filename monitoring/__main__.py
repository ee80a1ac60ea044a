"""The monitor's process: `python -m monitoring`. On 127.0.0.1, and where the operators' file says beside it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from controller.errors import TsunaguError
from controller.inputs.shown_text import escape_lines
from controller.model.loading.load_city import load_city
from controller.operations.monitor_settings import MonitorSettings
from controller.operations.operators_file import load_monitor_operations
from controller.telemetry.enrolled_probes import find_enrolment_file
from controller.telemetry.probe_certificates import find_authority_file
from controller.telemetry.registry import DAY, Writer
from monitoring.city_state.monitor import Monitor
from monitoring.ingest.sender_tokens import SchoolProbeTokens, load_sender_tokens
from monitoring.listening.build_login import build_login
from monitoring.listening.monitor_applications import MonitorApplications, build_applications
from monitoring.listening.monitor_server import LOOPBACK, build_main_server, build_second_server, open_listener
from monitoring.listening.tls_files import RenewedContext, find_own_ends
from monitoring.login.login_method import LoginMethod
from monitoring.timeseries.retention import EVENTS_KEPT, ROLLOUTS_KEPT, KeptSeconds
from monitoring.timeseries.time_series_store import TimeSeriesStore

SHOWN = 10


class Beside(NamedTuple):
    """Where the monitor listens beside loopback, with the certificate that it shows there."""

    listener: socket.socket
    tls: RenewedContext | None


def serve_applications(applications: MonitorApplications, listener: socket.socket, beside: Beside | None) -> None:
    """Serve until the process is told to stop."""
    second = None if beside is None else (build_second_server(applications.beside, beside.tls), beside.listener)
    asyncio.run(build_main_server(applications.local, applications.monitor).serve_both(listener, second))


@contextmanager
def open_beside(settings: MonitorSettings, authority: Path) -> Iterator[Beside | None]:
    """The listener that the operators' file names; None where it names none. Probes' certificates are `authority`'s.

    Raises:
        OperationsRefused: the certificate's key can be read by others.
        MonitorError: there is no such address or certificate.
        TokenRefused: the authority of the probes cannot be used.
    """
    if settings.listen is None:
        yield None
        return
    tls = None if settings.tls is None else RenewedContext(settings.tls, authority)
    change = "name another address or port in the operators' file (monitor: listen, port)"
    with open_listener(settings.port, str(settings.listen), change=change) as listener:
        yield Beside(listener, tls)


def build_own_certificates(
    settings: MonitorSettings, beside: Beside | None, schools: SchoolProbeTokens | None
) -> Callable[[], Mapping[str, float]]:
    """What tells when the certificates end that this monitor shows, and that it judges its login and probes by."""
    # Of the login's it is what was read at the start, which the login goes on with.
    authority = (
        settings.login.oidc.authority if settings.login is not None and settings.login.oidc is not None else None
    )
    fixed = {} if authority is None else find_own_ends({"login-authority": authority})
    tls = None if beside is None else beside.tls

    def find_ends() -> Mapping[str, float]:
        probe = None if schools is None else schools.find_certificate_end()
        shown = {} if tls is None else tls.ends
        return {**fixed, **shown, **({} if probe is None else {"probe": probe.timestamp()})}

    return find_ends


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
        operations = load_monitor_operations(policies=wanted.policies)
        settings = operations.monitor
        city = load_city(wanted.policies, bounds=operations.get_bounds())
        kept = KeptSeconds(wanted.events_days * DAY, wanted.rollouts_days * DAY)
        tokens = load_sender_tokens({writer: getattr(wanted, f"{writer}_token") for writer in Writer})
        login = build_login(settings)
        authority = find_authority_file(find_enrolment_file(wanted.probe_token))
        with (
            open_listener(wanted.port) as listener,
            open_beside(settings, authority) as beside,
            TimeSeriesStore(wanted.store) as store,
        ):
            applications = build_applications(city, store, tokens, settings, login, kept)
            applications.monitor.find_own_certificates = build_own_certificates(settings, beside, tokens.schools)
            sys.stdout.write(f"monitor: http://{LOOPBACK}:{listener.getsockname()[1]}/ (Ctrl-C stops it)\n")
            if beside is not None:
                sys.stdout.write(f"monitor: also {_describe_beside(settings, beside, login)}\n")
            sys.stdout.flush()
            for sentence in _describe_start(applications.monitor):
                _say(sentence)
            try:
                serve_applications(applications, listener, beside)
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


def _describe_beside(settings: MonitorSettings, beside: Beside, login: LoginMethod | None) -> str:
    shown = f"[{settings.listen}]" if settings.listen is not None and settings.listen.version == 6 else settings.listen  # noqa: PLR2004 IPv6
    scheme = "http" if settings.tls is None else "https"
    way = "without a login" if login is None else f"with a login, as {settings.url or 'loopback'}"
    return f"{scheme}://{shown}:{beside.listener.getsockname()[1]}, {way}"


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
