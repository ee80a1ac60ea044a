"""Linux network namespaces: a socket that lives in another one, while the program stays where it is.

A management VRF of a real controller host is such a namespace; so is the controller's place in the virtual city.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

FOLDER = Path("/run/netns")
"""Where iproute2 keeps the names of namespaces."""

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)  # Python has os.setns only from 3.12 on


@contextmanager
def enter_namespace(namespace: str) -> Iterator[None]:
    """Put the calling thread into a network namespace for the length of a `with` block.

    Only for worker threads: a Ctrl-C reaches the main thread between any two steps and could leave it inside.

    Raises:
        OSError: there is no such namespace, or this program may not enter it.
        RuntimeError: called from the main thread.
    """
    if threading.current_thread() is threading.main_thread():
        message = "the main thread must not enter a network namespace; use inside()"
        raise RuntimeError(message)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(namespace)
        try:
            yield
        finally:
            _set(home)
    finally:
        os.close(home)


def run_in_namespace(namespace: str, work: Callable[[], Result]) -> Result:
    """Run `work` in a network namespace, in a thread of its own that ends with it; give its result.

    Raises:
        OSError: there is no such namespace, or this program may not enter it; or what `work` raises.
    """

    def entering() -> Result:
        with enter_namespace(namespace):
            return work()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=namespace) as pool:
        return pool.submit(entering).result()


def open_stream_socket(namespace: str | None, address: str) -> socket.socket:
    """A new TCP socket of the family of `address`; it belongs to `namespace` for ever (None: where the program is).

    Raises:
        OSError: there is no such namespace, or this program may not enter it.
        ValueError: `address` is no IP address.
    """
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6  # noqa: PLR2004 IP versions

    def make() -> socket.socket:
        return socket.socket(family, socket.SOCK_STREAM)

    return make() if namespace is None else run_in_namespace(namespace, make)


def open_connection(namespace: str | None, address: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection opened in a namespace (None: where the program is). `timeout` in seconds stays set on it.

    Raises:
        OSError: there is no such namespace, or nobody answers at that address and port.
        ValueError: `address` is no IP address.
    """
    opened = open_stream_socket(namespace, address)
    try:
        opened.settimeout(timeout)
        opened.connect((address, port))
    except BaseException:
        opened.close()
        raise
    return opened


def _enter(namespace: str) -> None:
    try:
        target = os.open(FOLDER / namespace, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        message = f"this machine has no network namespace {namespace!r}"
        raise FileNotFoundError(errno.ENOENT, message) from None
    try:
        _set(target)
    except OSError as error:
        message = f"cannot enter the network namespace {namespace!r}: {os.strerror(error.errno or 0)}"
        raise OSError(error.errno, message) from None
    finally:
        os.close(target)


def _set(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
