"""Attacks on earlier proofs: whoever may write the cache, a CI cache for example, cannot write a proof."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import TsunaguError
from controller.model.city import City
from controller.plan.proof import proof_cache
from controller.plan.proof.cache_key import KEY_BYTES, find_key_file, load_key
from controller.plan.proof.city_proof import ProofProcesses, prove_devices
from controller.plan.proof.proof_cache import CityKeys, ProofCache, ProofCoverage, digest_prover, find_cache_folder
from controller.plan.select import Selection, select_devices
from tests.missing_parts import needs_root

COUNTED = ProofCoverage(32, 0, entries=7)
KEYS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(5)]
ALONE = ProofProcesses(cores=1, copied=True)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's own cache and key."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def keep_proofs(folder: Path, keys: list[str]) -> Path:
    cache = ProofCache(folder)
    cache.add(dict.fromkeys(keys, COUNTED))
    cache.save()
    (path,) = folder.glob("*.txt")
    return path


def write_line(key: str, signature: Callable[[bytes], str]) -> bytes:
    content = f"{key} 32 0 16 0 7".encode()
    return content + b" " + signature(content).encode() + b"\n"


FORGERS: dict[str, Callable[[bytes], str]] = {
    "a checksum": lambda content: f"{zlib.crc32(content):08x}",
    "a hash": lambda content: hashlib.sha256(content).hexdigest(),
    "an HMAC under no key": lambda content: hmac.digest(b"", content, "sha256").hex(),
    "an HMAC under zeros": lambda content: hmac.digest(bytes(KEY_BYTES), content, "sha256").hex(),
    "an HMAC under the prover's name": lambda content: hmac.digest(digest_prover().encode(), content, "sha256").hex(),
    "nothing": lambda _: "",
}


@pytest.mark.parametrize("name", FORGERS)
def test_a_forged_line_is_no_proof_and_is_dropped(name: str) -> None:
    folder = find_cache_folder()
    path = keep_proofs(folder, KEYS[:1])
    with path.open("ab") as file:
        file.writelines(write_line(key, FORGERS[name]) for key in KEYS[1:])
    cache = ProofCache(folder)
    assert (cache.find(KEYS[0]), cache.damaged) == (COUNTED, len(KEYS) - 1)
    assert not any(cache.find(key) for key in KEYS[1:])
    cache.add({"f" * 64: COUNTED})
    cache.save()
    assert ProofCache(folder).damaged == 0


def test_forged_proofs_of_a_school_prove_nothing(city: City) -> None:
    """As the red team did it: the right names of all proofs, and a signature that anybody can compute."""
    devices = select_devices(city, Selection(("kw-s01",)))[:3]
    folder = find_cache_folder()
    path = keep_proofs(folder, ["0" * 64])
    keys = CityKeys(city)
    with path.open("ab") as file:
        for device in devices:
            for key in (keys.device_key(device), keys.bare_device_key(device)):
                file.write(write_line(key, FORGERS["a checksum"]))
    found = prove_devices(city, devices, ProofCache(folder), ALONE)
    assert (found.done, found.from_cache) == (len(devices), 0)
    assert found.filters_now == found.filters > 0
    again = prove_devices(city, devices, ProofCache(folder), ALONE)
    assert (again.done, again.from_cache, again.filters_now) == (0, len(devices), 0)
    assert again.filters == found.filters


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(min_value=0), value=st.integers(1, 255))
def test_no_byte_of_a_proof_can_be_changed(at: int, value: int) -> None:
    folder = find_cache_folder()
    path = folder / f"{digest_prover()[:16]}.txt"
    path.unlink(missing_ok=True)
    keep_proofs(folder, KEYS[:1])
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= value
    path.write_bytes(content)
    cache = ProofCache(folder)
    # The only byte that may differ is the line feed at the end.
    assert cache.find(KEYS[0]) is None or at % len(content) == len(content) - 1


def test_proofs_of_another_user_or_machine_are_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI cache that is brought back brings no key: the key never stands in the folder of the proofs."""
    folder = find_cache_folder()
    keep_proofs(folder, KEYS)
    assert not find_key_file().is_relative_to(folder.parents[1])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    cache = ProofCache(folder)
    assert (cache.damaged, [cache.find(key) for key in KEYS]) == (len(KEYS), [None] * len(KEYS))


def test_a_proof_of_another_prover_is_none_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = find_cache_folder()
    content = keep_proofs(folder, KEYS).read_bytes()
    monkeypatch.setattr(proof_cache, "digest_prover", lambda: "f" * 64)
    (folder / f"{'f' * 16}.txt").write_bytes(content)
    assert ProofCache(folder).damaged == len(KEYS)


def test_the_key_is_made_once_and_readable_by_its_user_alone() -> None:
    folder = find_cache_folder()
    path = keep_proofs(folder, KEYS)
    key = load_key(find_key_file())
    assert len(key) == KEY_BYTES
    assert key == load_key(find_key_file())
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (find_key_file(), path, folder)]
    assert modes == [0o600, 0o600, 0o700]


@pytest.mark.parametrize("content", [b"", b"short", bytes(KEY_BYTES + 1)])
def test_a_damaged_key_is_not_used(content: bytes) -> None:
    load_key(find_key_file())
    find_key_file().write_bytes(content)
    with pytest.raises(TsunaguError, match=r"is damaged|is larger than"):
        load_key(find_key_file())
    assert "key" in ProofCache(find_cache_folder()).unused


def loosen_key() -> None:
    find_key_file().chmod(0o640)


def link_key() -> None:
    find_key_file().rename(find_key_file().with_name("elsewhere"))
    find_key_file().symlink_to("elsewhere")


def loosen_folder() -> None:
    find_cache_folder().chmod(0o777)


def link_folder() -> None:
    find_cache_folder().rename(find_cache_folder().with_name("elsewhere"))
    find_cache_folder().symlink_to("elsewhere")


def loosen_file() -> None:
    (path,) = find_cache_folder().glob("*.txt")
    path.chmod(0o666)


def link_file() -> None:
    (path,) = find_cache_folder().glob("*.txt")
    path.rename(path.with_suffix(".old"))
    path.symlink_to(path.with_suffix(".old"))


def pipe_file() -> None:
    (path,) = find_cache_folder().glob("*.txt")
    path.unlink()
    os.mkfifo(path)


LOOSE = {
    "others read the key": loosen_key,
    "the key is a link": link_key,
    "others write to the folder": loosen_folder,
    "the folder is a link": link_folder,
    "others write to the file": loosen_file,
    "the file is a link": link_file,
    "the file is a pipe": pipe_file,
}


@pytest.mark.parametrize("name", LOOSE)
def test_what_others_could_have_written_is_not_used_and_that_is_said(name: str) -> None:
    keep_proofs(find_cache_folder(), KEYS)
    LOOSE[name]()
    cache = ProofCache(find_cache_folder())
    assert cache.unused
    assert cache.unused.isprintable()
    assert cache.find(KEYS[0]) is None
    cache.add({"f" * 64: COUNTED})
    cache.save()


@needs_root
def test_a_folder_of_somebody_else_is_not_used() -> None:
    keep_proofs(find_cache_folder(), KEYS)
    os.chown(find_cache_folder(), 12345, 12345)
    assert "belongs to user 12345, not to you" in ProofCache(find_cache_folder()).unused
