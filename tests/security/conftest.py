from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import mkdtemp

import pytest

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.operations.device_access import DeviceAccess
from controller.plan.select import find_device
from tests.policies import PolicyFolder
from tests.security.device_reach import PASSWORD, Reach, write_source
from tests.security.fake_ssh_device import FakeDevice


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


@pytest.fixture(scope="session")
def keys() -> Iterator[Callable[[str], Path]]:
    """Keys by their name, each made when it is first asked for."""
    folder = Path(mkdtemp(prefix="tsunagu-test-keys-"))

    @cache
    def key(name: str) -> Path:
        path = folder / name
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(words, check=True, capture_output=True)
        return path

    yield key
    shutil.rmtree(folder)


@pytest.fixture
def there(city: City) -> Device:
    return replace(find_device(choose_virtual_city(city), "kw-s01-core1"), management=IPv4Address("127.0.0.1"))


@pytest.fixture
def reach(tmp_path: Path) -> Reach:
    """An access to a port of this machine with its host key pinned; a password where nothing else is asked for."""

    def build(fake: FakeDevice, port: int, **fields: object) -> DeviceAccess:
        pins = tmp_path / "known_hosts"
        key = fake.host_key
        pins.write_text(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n", encoding="ascii")
        if not fields.keys() & {"key", "password"}:
            fields["password"] = write_source(tmp_path / "password", PASSWORD)
        return DeviceAccess.model_validate({"user": "net01", "known-hosts": str(pins), "port": port, **fields})

    return build
