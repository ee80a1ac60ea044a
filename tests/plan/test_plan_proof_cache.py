"""Earlier proofs: believed only whole, by the same prover, of the same content; shared safely; never needed."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import pytest

import controller
from controller.compile.identity.proxy import cloud_intent
from controller.compile.network.device_state import CampusIntent, campus_intent, device_intents
from controller.compile.network.upstream import Moved
from controller.errors import Origin, ProofFailed, TsunaguError
from controller.model.access.rules import Rule
from controller.model.city import City
from controller.model.network.packets import parse_prefix
from controller.model.network.router_link import KeepsState
from controller.model.sites.devices import Device
from controller.model.sites.scope import Scope
from controller.plan.proof import city_proof, device_proof, proof_cache
from controller.plan.proof.city_proof import prove_city, prove_devices
from controller.plan.proof.proof import prove
from controller.plan.proof.proof_cache import CityKeys, Counted, ProofCache, conditions_key, filter_key
from controller.platforms.base import Platform
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.platforms.registry import platform
from controller.prove.identity import proxy
from controller.prove.identity.proxy import cloud_check
from controller.prove.identity.synthetic_people import FACTS
from tests.cli.running import ROOT, here

COUNTED = Counted(32, 0)


def file_of(folder: Path) -> Path:
    (path,) = folder.glob("*.txt")
    return path


def kept(folder: Path, *keys: str) -> ProofCache:
    cache = ProofCache(folder)
    cache.add(dict.fromkeys(keys, COUNTED))
    cache.save()
    return ProofCache(folder)


def test_what_was_proved_is_known_until_the_file_is_deleted(tmp_path: Path) -> None:
    assert kept(tmp_path, "a" * 64).find("a" * 64) == COUNTED
    assert kept(tmp_path, "b" * 64).find("a" * 64) == COUNTED
    file_of(tmp_path).unlink()
    assert ProofCache(tmp_path).find("a" * 64) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.replace(b" 32 ", b" 33 "),
        lambda content: content[:-12],
        lambda content: b"\x00\xff\xfe\n" + content[3:],
        lambda content: content.replace(b"a", b"e", 1),
    ],
    ids=["another count", "torn", "rubbish", "another key"],
)
def test_a_damaged_line_is_not_believed_and_is_counted(tmp_path: Path, damage: object) -> None:
    kept(tmp_path, "a" * 64)
    assert callable(damage)
    file_of(tmp_path).write_bytes(damage(file_of(tmp_path).read_bytes()))
    cache = ProofCache(tmp_path)
    assert cache.damaged >= 1
    assert cache.find("a" * 64) is None
    again = kept(tmp_path, "c" * 64)
    assert again.find("c" * 64) == COUNTED


def test_another_prover_does_not_believe_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path, "a" * 64)
    monkeypatch.setattr(proof_cache, "prover_digest", lambda: "f" * 64)
    assert ProofCache(tmp_path).find("a" * 64) is None


def test_the_prover_is_all_of_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "controller"
    (package / "prove").mkdir(parents=True)
    (package / "errors.py").write_text("", encoding="utf-8")
    source = package / "prove" / "diagram.py"
    monkeypatch.setattr(controller, "__file__", str(package / "__init__.py"))
    digests = set()
    for content in ("one", "two"):
        source.write_text(content, encoding="utf-8")
        digests.add(proof_cache.prover_digest.__wrapped__())
    assert len(digests) == 2


def test_another_version_of_what_evaluates_conditions_is_another_prover(monkeypatch: pytest.MonkeyPatch) -> None:
    proof_cache.prover_digest.cache_clear()
    before = proof_cache.prover_digest()
    proof_cache.prover_digest.cache_clear()
    monkeypatch.setattr(proof_cache, "version", lambda name: "0.0" if name == "cel-expr-python" else version(name))
    assert proof_cache.prover_digest() != before
    proof_cache.prover_digest.cache_clear()


def test_conditions_are_proved_anew_when_an_address_or_the_time_zone_changes(city: City) -> None:
    intent = cloud_intent(city, FACTS)
    school, *others = city.schools
    lines = school.lines
    moved = lines.backup.model_copy(update={"kind": "fixed-ip", "egress": (parse_prefix("198.51.100.9"),)})
    away = school.model_copy(update={"lines": lines.model_copy(update={"backup": moved})})
    cities = [
        city,
        replace(city, schools=(away, *others)),
        replace(city, file=city.file.model_copy(update={"timezone": "Asia/Seoul"})),
    ]
    assert len({conditions_key(one, intent) for one in cities}) == len(cities)


def test_the_file_does_not_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_cache, "MOST_PROOFS", 10)
    for number in range(40):
        kept(tmp_path, f"{number:064x}")
        assert len(file_of(tmp_path).read_bytes().splitlines()) <= 10
    assert ProofCache(tmp_path).find(f"{39:064x}") == COUNTED
    assert ProofCache(tmp_path).find(f"{0:064x}") is None


def keep_many(folder: Path, process: int) -> None:
    for number in range(40):
        kept(folder, f"{process:032x}{number:032x}")


def test_many_processes_lose_nothing_of_one_another(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(keep_many, [tmp_path] * 3, range(3)))
    cache = ProofCache(tmp_path)
    assert cache.damaged == 0
    assert all(cache.find(f"{process:032x}{number:032x}") for process in range(3) for number in range(40))


def test_a_folder_that_cannot_be_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert kept(tmp_path / "file", "a" * 64).find("a" * 64) is None


def test_a_filter_s_key_is_the_content_of_its_proof(city: City, device: Device) -> None:
    intents, _ = device_intents(city, device, CiscoIos.capabilities)
    first = next(one for one in intents if len(one.clauses) > 1)
    clause, *others = first.clauses
    kept = KeepsState(owner="x", reason="y")
    away = city.file.model_copy(update={"controllers": (parse_prefix("10.255.9.0/24"),)})
    elsewhere = clause._replace(origin=Origin("elsewhere.yaml", 1))
    keys = [
        filter_key(city, device, first, None),
        filter_key(city, device, replace(first, clauses=tuple(others)), None),
        filter_key(city, device, replace(first, clauses=(clause._replace(established=True), *others)), None),
        filter_key(city, device, replace(first, vlan=first.vlan + 1), None),
        filter_key(city, device, first, Moved(first, "rt1", kept)),
        filter_key(city, replace(device, platform="other"), first, None),
        filter_key(replace(city, file=away), device, first, None),
    ]
    assert len(set(keys)) == len(keys)
    # A line that moves in its file changes nothing that a proof is about.
    assert filter_key(city, device, replace(first, clauses=(elsewhere, *others)), None) == keys[0]


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many filters each call of the proof was about."""
    seen: list[int] = []

    def counted(city: City, intent: CampusIntent, system: Platform) -> int:
        seen.append(len(intent.intents))
        return prove(city, intent, system)

    monkeypatch.setattr(device_proof, "prove", counted)
    return seen


def wider(city: City) -> City:
    """The same, but from printers pupils' records are reached, too."""
    rule = next(one for one in city.rules if one.id == "dashboard-pupils")
    assert rule.network
    changed = rule.model_copy(update={"network": rule.network.model_copy(update={"from_": ("pupil", "printers")})})
    return replace(city, rules=tuple(changed if one is rule else one for one in city.rules))


def test_after_a_change_only_the_filters_that_changed_are_proved(
    tmp_path: Path, city: City, device: Device, proved: list[int]
) -> None:
    prove_devices(city, [device], ProofCache(tmp_path), lab=False)
    found = prove_devices(wider(city), [device], ProofCache(tmp_path), lab=False)
    assert (found.done, found.from_cache, found.filters, found.failures) == (1, 0, 32, [])
    assert proved == [32, 4]  # printers, both families, both ways
    # Back again: the device is known as a whole.
    assert prove_devices(city, [device], ProofCache(tmp_path), lab=False).from_cache == 1


def test_a_mistake_in_a_filter_that_changed_is_found_among_known_ones(
    tmp_path: Path, city: City, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove_devices(city, [device], ProofCache(tmp_path), lab=False)
    fewer = replace(city, rules=tuple(one for one in city.rules if one.id != "dashboard-pupils"))
    monkeypatch.setattr(device_proof, "device_intents", lambda _, *rest: device_intents(city, *rest))
    found = prove_devices(fewer, [device], ProofCache(tmp_path), lab=False)
    assert found.done == 0
    (said,) = found.failures
    assert f"from pupil at {device.school.id} to learning-dashboard passes: tcp" in said


def test_a_device_that_gets_too_full_is_proved_whole(
    tmp_path: Path, city: City, proved: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters that are known count, too, with the size that they were proved in."""
    fleets = (one for school in city.schools for one in city.devices(school))
    device = next(one for one in fleets if one.platform == "allied_telesis_awplus" and one.role == "core")
    prove_devices(city, [device], ProofCache(tmp_path), lab=False)
    prove_devices(wider(city), [device], ProofCache(tmp_path / "other"), lab=False)
    system = platform(device.platform)
    size = sum(len(one.entries) for one in campus_intent(city, device, system.capabilities).wanted.filters)
    monkeypatch.setattr(type(system), "capabilities", replace(system.capabilities, maximum_device_entries=size))
    found = prove_devices(wider(city), [device], ProofCache(tmp_path), lab=False)
    assert proved == [32, 32, 32]
    assert found.failures == []
    # Now its filters are written in fewer entries: none is known as it was.
    assert prove_devices(wider(city), [device], ProofCache(tmp_path), lab=False).from_cache == 1


def test_what_the_city_says_of_a_school_names_the_proofs_of_its_devices(city: City, device: Device) -> None:
    before = CityKeys(city).of(device)
    assert CityKeys(replace(city, digest="0" * 64)).of(device) == before

    def scoped(rule: Rule, ids: tuple[str, ...]) -> City:
        """The city with a rule for some schools only."""
        changed = rule.model_copy(update={"schools": Scope(ids=ids)})
        return replace(city, rules=tuple(changed if one is rule else one for one in city.rules))

    rule = next(one for one in city.rules if one.network and one.schools is None and not one.identity)
    here, elsewhere = scoped(rule, (device.school.id,)), scoped(rule, ("kw-e01",))
    assert device.school.id != "kw-e01"
    assert CityKeys(here).of(device) == before  # the rule is for this school as it was
    assert CityKeys(elsewhere).of(device) != before
    assert CityKeys(replace(city, rules=city.rules[1:])).of(device) != before
    assert CityKeys(replace(city, necessities=city.necessities[1:])).of(device) != before
    assert CityKeys(replace(city, schools=city.schools[1:])).of(device) != before
    outputs = city.outputs.model_copy(update={"applications": {}})
    assert CityKeys(replace(city, outputs=outputs)).of(device) != before
    assert CityKeys(city).of(replace(device, ports=device.ports[1:])) != before
    assert CityKeys(city).of(replace(device, platform="other")) != before


def test_only_proofs_that_hold_are_kept(
    tmp_path: Path, city: City, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        message = "planted"
        raise ProofFailed(message)

    with monkeypatch.context() as patched:
        patched.setattr(device_proof, "prove", fails)
        found = prove_devices(city, [device], ProofCache(tmp_path), lab=False)
        assert (found.failures, found.done) == (["planted"], 0)
    found = prove_devices(city, [device], ProofCache(tmp_path), lab=False)
    assert (found.done, found.from_cache, found.filters) == (1, 0, 32)
    found = prove_devices(city, [device], ProofCache(tmp_path), lab=False)
    assert (found.done, found.from_cache, found.filters) == (0, 1, 32)
    # Another policy, but of this device it says the same.
    found = prove_devices(replace(city, digest="0" * 64), [device], ProofCache(tmp_path), lab=False)
    assert (found.done, found.from_cache, found.filters) == (0, 1, 32)


def cores(city: City, count: int) -> list[Device]:
    found = (one for school in city.schools for one in city.devices(school) if one.role == "core")
    return [one for one in found if one.platform == "cisco_ios"][:count]


@pytest.mark.parametrize("copied", [True, False])
def test_many_devices_are_proved_in_several_processes(
    tmp_path: Path, city: City, device: Device, monkeypatch: pytest.MonkeyPatch, *, copied: bool
) -> None:
    monkeypatch.setattr(city_proof, "_can_be_copied", lambda: copied)
    monkeypatch.setattr(city_proof, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(city_proof, "WORTH_A_START", 1)
    floors = [one for one in city.devices(device.school) if one.role == "floor"]
    devices = [*cores(city, 3), *floors]
    found = prove_devices(city, devices, ProofCache(tmp_path), lab=False)
    assert (found.done, found.from_cache, found.failures) == (len(devices), 0, [])
    assert found.filters == 3 * 32
    found = prove_devices(city, devices, ProofCache(tmp_path), lab=False)
    assert (found.done, found.from_cache) == (0, len(devices))


def test_a_process_that_is_killed_is_said_and_nothing_is_kept(
    tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does it where memory runs out."""
    monkeypatch.setattr(city_proof, "_can_be_copied", lambda: True)
    monkeypatch.setattr(city_proof, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(city_proof, "judge_device", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(TsunaguError, match="ended from outside"):
        prove_devices(city, cores(city, 3), ProofCache(tmp_path), lab=False)
    assert not list(tmp_path.iterdir())


def test_a_policy_that_changes_while_it_is_proved_is_said(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that cannot be copies read the files anew, and find others than this one did."""
    monkeypatch.setattr(city_proof, "_can_be_copied", lambda: False)
    monkeypatch.setattr(city_proof, "WORTH_A_START", 1)
    with pytest.raises(TsunaguError, match="the policy changed while it was being proved"):
        prove_devices(replace(city, digest="0" * 64), cores(city, 3), ProofCache(None), lab=False)


def test_prove_without_configurations_says_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prove = ("prove", "--school", "kw-s01", "--lab")
    first = here(*prove, cwd=ROOT)
    assert first.code in (0, 3)
    assert "done, all hold;" in first.said
    assert "done, 0 from the cache" in first.said
    file = file_of(tmp_path / "tsunagu" / "proofs")
    file.write_bytes(b"rubbish\n" + file.read_bytes())
    second = here(*prove, cwd=ROOT)
    assert second.code == first.code
    assert "done, all hold;" in second.said
    assert ": 0 devices done, " in second.said
    assert "1 damaged entries ignored" in second.said
    assert " 0 from the cache\n" in here(*prove, "--no-cache", cwd=ROOT).said


def test_what_holds_no_filters_is_proved_anew_by_its_own_policy_only(city: City) -> None:
    """3,857 access points need not be proved again for a rule; for a server or an isolated segment they do."""
    point = next(one for one in city.devices(city.schools[0]) if one.role == "access-point")
    before = CityKeys(city).of(point)
    assert CityKeys(replace(city, rules=city.rules[1:])).of(point) == before
    segments = {
        name: one.model_copy(update={"isolated": False}) if name == "pupil" else one
        for name, one in city.segments.items()
    }
    group = city.blueprints.blueprints[0].devices[-1]
    ssids = (group.ssids[0].model_copy(update={"ssid": "staff"}), *group.ssids[1:])
    first = city.blueprints.blueprints[0]
    renamed = first.model_copy(update={"devices": (*first.devices[:-1], group.model_copy(update={"ssids": ssids}))})
    blueprints = city.blueprints.model_copy(update={"blueprints": (renamed, *city.blueprints.blueprints[1:])})
    for other in (
        replace(city, segments=segments),
        replace(city, admission_servers=city.admission_servers[1:]),
        replace(city, blueprints=blueprints),
    ):
        assert CityKeys(other).of(point) != before
    core = next(one for one in city.devices(city.schools[0]) if one.role == "core")
    assert CityKeys(replace(city, rules=city.rules[1:])).of(core) != CityKeys(city).of(core)


def test_conditions_alone_are_judged_in_parts(tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """No device is left to prove, and the people are shared out to two processes: all are asked, as in one."""
    monkeypatch.setattr(city_proof, "_can_be_copied", lambda: True)
    monkeypatch.setattr(city_proof, "_cores", lambda: 2)
    some = list(islice(proxy.visitors(city), 101))
    monkeypatch.setattr(proxy, "visitors", lambda _: iter(some))
    whole = cloud_check(city)
    found = prove_city(city, [], ProofCache(tmp_path), lab=False)
    assert (found.checks[0].name, found.checks[0].examined) == (whole.name, whole.examined)
    known = prove_city(city, [], ProofCache(tmp_path), lab=False)
    assert known.checks[0].evidence == ("known from an earlier proof of the same content",)
    assert known.checks[0].examined == whole.examined
