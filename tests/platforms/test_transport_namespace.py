from __future__ import annotations

import threading
from pathlib import Path

import pytest

from controller.lab.state import paths
from controller.lab.state.layout import Layout
from controller.platforms.transport import namespace

pytestmark = pytest.mark.lab


def own_network() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def test_a_missing_namespace_is_named() -> None:
    with pytest.raises(OSError, match="no network namespace 'tsn-nowhere'"):
        namespace.open_connection("tsn-nowhere", "127.0.0.1", 22, 1.0)


def test_a_connection_leaves_the_caller_where_it_was(lab: Layout) -> None:
    before = own_network()
    school = lab.schools[0]
    with namespace.open_connection(paths.CONTROLLER, school.management.address.first, lab.ssh_port, 5.0) as opened:
        assert opened.gettimeout() == 5.0
        assert opened.getsockname()[0] == lab.controller.v4
    with pytest.raises(OSError, match=r".+"):
        namespace.open_connection(paths.CONTROLLER, lab.controller.first, 9, 1.0)
    assert own_network() == before


def test_work_is_done_inside_and_its_error_comes_out(lab: Layout) -> None:
    inside = namespace.run_in_namespace(paths.CORE, own_network)
    assert inside != own_network()
    assert inside == namespace.run_in_namespace(paths.CORE, own_network)
    with pytest.raises(ZeroDivisionError):
        namespace.run_in_namespace(paths.CORE, lambda: 1 // (len(lab.schools) - 2))


def test_the_main_thread_never_enters() -> None:
    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(RuntimeError, match="main thread"), namespace.enter_namespace(paths.CORE):
        pass


def test_without_a_namespace_the_socket_is_here() -> None:
    with pytest.raises(ConnectionRefusedError):
        namespace.open_connection(None, "127.0.0.1", 1, 1.0)
