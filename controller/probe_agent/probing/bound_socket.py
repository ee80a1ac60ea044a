"""Sockets that leave by a path's own interface, where it names one."""

from __future__ import annotations

import socket

from controller.probe_agent.configuration import ProbedPath


def open_bound_socket(path: ProbedPath, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
    """A socket of the path's family.

    Raises:
        OSError: its interface is not there, or this user may not have such a socket.
    """
    made = socket.socket(socket.AF_INET6 if path.family == "ipv6" else socket.AF_INET, kind, protocol)
    try:
        if path.interface:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, path.interface.encode() + b"\0")
    except BaseException:
        made.close()
        raise
    return made
