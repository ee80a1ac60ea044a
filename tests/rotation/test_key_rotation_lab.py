"""The controller's key is rotated on a real switch and a real router: OpenSSH lets in what the device holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controller.errors import CredentialsRejected
from controller.exit_codes import Exit
from controller.lab.lab_operations import build_lab_operations, load_lab_operations
from controller.lab.network.ssh_user import create_ssh_key
from controller.lab.state import paths
from controller.lab.state.layout import Layout
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.virtual_city import ACCESS, choose_virtual_city
from controller.operations.device_access import CredentialSource
from controller.platforms.base import EXEC
from controller.platforms.transport.ssh_transport import SshTransport
from controller.storage.whole_file import write_whole
from tests.chaos.lab_devices import LabDevice, list_lab_devices
from tests.cli.running import Done, here
from tests.conftest import POLICIES

pytestmark = pytest.mark.lab


@pytest.fixture
def own(city: City, lab: Layout) -> Iterator[list[LabDevice]]:
    """The switch and the router of a school; afterwards they let in whom they did before, and the file says so."""
    city = choose_virtual_city(city)
    found = [one for one in list_lab_devices(city, lab).values() if one.school.id == lab.schools[1].id]
    files = [paths.STATE / paths.OPERATIONS, *(one.files.own / "keys" for one in found)]
    before = [one.read_bytes() for one in files]
    yield found
    for file, content in zip(files, before, strict=True):
        file.write_bytes(content)


def say_keys(**values: Path) -> None:
    """Let the operators' file of the virtual city name these keys for its access."""
    file = paths.STATE / paths.OPERATIONS
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    access = document["access"][ACCESS]
    for name in ("next-key", "previous-key"):
        access.pop(name, None)
    access.update({name.replace("_", "-"): {"file": str(path)} for name, path in values.items()})
    write_whole(yaml.safe_dump(document, sort_keys=False).encode(), file)
    load_lab_operations()


def rotate(device: Device, folder: Path, *words: str) -> Done:
    where = ("--lab", "--policies", str(POLICIES), "--state", str(folder / "state"), "--restore-after", "20")
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return here("rotate", device.id, *where, *words, cwd=work)


def log_in(device: Device, key: Path) -> None:
    usual = build_lab_operations().access[ACCESS]
    access = usual.model_copy(update={"key": CredentialSource(file=key), "read_key": None})
    with SshTransport({ACCESS: access}).open_session(device, EXEC, changing=True):
        return


def test_a_key_is_let_in_and_the_old_one_taken_away(own: list[LabDevice], tmp_path: Path) -> None:
    old, new = paths.STATE / paths.CONTROLLER_KEY, tmp_path / "next"
    create_ssh_key(new, "next")
    for one in own:
        say_keys(key=old, next_key=new)
        with pytest.raises(CredentialsRejected):
            log_in(one.device, new)
        assert rotate(one.device, tmp_path, "--check").code == Exit.DIFFERS
        added = rotate(one.device, tmp_path)
        assert (added.code, added.said.count(": works")) == (0, 2), added
        say_keys(key=new, previous_key=old)
        removed = rotate(one.device, tmp_path)
        assert (removed.code, removed.said.count(": refused")) == (0, 1), removed
        log_in(one.device, new)
        with pytest.raises(CredentialsRejected):
            log_in(one.device, old)
        assert rotate(one.device, tmp_path, "--check").code == 0
        assert not one.is_armed()
        assert not one.is_locked()
