"""`tsunagu-probe.pyz serve`: the measuring endpoint, for a machine in a region."""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

from controller.probe_agent.endpoint.admission import Admission
from controller.probe_agent.endpoint.enrolled_hashes import EnrolledHashes
from controller.probe_agent.endpoint.server import Endpoint, build_server_tls
from controller.probe_agent.problems import ProbeProblem, tell

_WAITING = 64


def serve_throughput(words: Sequence[str], stop: int) -> None:
    """Serve until a file descriptor can be read from.

    Raises:
        ProbeProblem: a file or an address cannot be used.
    """
    parser = argparse.ArgumentParser(prog="tsunagu-probe serve", description="The measuring endpoint of a region.")
    parser.add_argument("--certificate", type=Path, required=True, help="certificate in PEM, with those between")
    parser.add_argument("--key", type=Path, required=True, help="its private key in PEM")
    parser.add_argument("--enrolled", type=Path, required=True, help="copy of the monitor's enrolled-probes.json")
    parser.add_argument("--listen", action="append", help="an address; again for another (all of this machine's)")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--at-once", type=int, choices=range(1, 9), default=1, help="tests at once (1)")
    wanted = parser.parse_args(words)
    for one in (wanted.certificate, wanted.key):
        if one.exists() and not one.is_file():  # to open a pipe would wait for who writes into it
            message = f"{one}: no certificate in PEM with its key: it is no regular file; name a file"
            raise ProbeProblem(message)
    try:
        tls = build_server_tls(str(wanted.certificate), str(wanted.key))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = (
            f"{wanted.certificate}, {wanted.key}: no certificate in PEM with its key ({reason}); name a certificate "
            "and the key that belongs to it, without a password"
        )
        raise ProbeProblem(message) from None
    admission = Admission(EnrolledHashes(wanted.enrolled), wanted.at_once, time.monotonic)
    listeners = make_listeners(wanted.listen or ["::"], wanted.port)
    tell(
        f"measuring endpoint, process {os.getpid()}: {', '.join(wanted.listen or ['all addresses'])} port {wanted.port}"
    )
    Endpoint(listeners, tls, admission).serve_connections(stop)


def make_listeners(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """A listener at each address, or none at all.

    Raises:
        ProbeProblem: one of them cannot be.
    """
    with ExitStack() as undo:
        found = [undo.enter_context(make_listener(one, port)) for one in addresses]
        undo.pop_all()
    return found


def make_listener(address: str, port: int) -> socket.socket:
    """A listener; `::` is all addresses of both families.

    Raises:
        ProbeProblem: the address is not this machine's, the port is taken, or it may not be used.
    """
    try:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004
        return socket.create_server((address, port), family=family, backlog=_WAITING, dualstack_ipv6=address == "::")
    except (OSError, OverflowError, ValueError) as error:  # a ValueError: no address, or no IPv6 here
        reason = getattr(error, "strerror", None) or error
        message = f"{address} port {port}: nobody can listen there ({reason}); name another with --listen or --port"
        raise ProbeProblem(message) from None
