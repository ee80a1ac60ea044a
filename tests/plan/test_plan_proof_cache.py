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
from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.compile.network.upstream import DelegatedFilter
from controller.compile.network.wanted_device_state import (
    DeviceIntent,
    compile_device,
    compile_device_filters,
)
from controller.errors import Origin, ProofFailed, TsunaguError
from controller.model.access.infrastructure_protocols import InfrastructureProtocolFile
from controller.model.access.rules import Rule, RuleFile, SegmentFile
from controller.model.city import City
from controller.model.network.packets import parse_prefix
from controller.model.network.router_link import KeepsState
from controller.model.policy_files import (
    ADMISSION,
    BLUEPRINTS,
    CITY,
    INFRASTRUCTURE_PROTOCOLS,
    OUTPUTS,
    RULES,
    SCHOOLS,
    SEGMENTS,
)
from controller.model.sites.devices import Device
from controller.model.sites.schools import SchoolFile
from controller.model.sites.scope import Scope
from controller.plan.proof import city_proof, device_proof, proof_cache
from controller.plan.proof.city_proof import ProofProcesses, prove_city, prove_devices
from controller.plan.proof.proof_cache import (
    CityKeys,
    ProofCache,
    ProofCoverage,
    build_conditions_key,
    build_filter_key,
)
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.platforms.base import Platform
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.platforms.registry import load_platform
from controller.prove.identity import iap_bindings
from controller.prove.identity.iap_bindings import prove_iap_bindings
from controller.prove.identity.synthetic_principals import FACTS
from tests.cli.running import ROOT, here

COUNTED = ProofCoverage(32, 0)


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
    monkeypatch.setattr(proof_cache, "digest_prover", lambda: "f" * 64)
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
        digests.add(proof_cache.digest_prover.__wrapped__())
    assert len(digests) == 2


def test_another_version_of_what_evaluates_conditions_is_another_prover(monkeypatch: pytest.MonkeyPatch) -> None:
    proof_cache.digest_prover.cache_clear()
    before = proof_cache.digest_prover()
    proof_cache.digest_prover.cache_clear()
    monkeypatch.setattr(proof_cache, "version", lambda name: "0.0" if name == "cel-expr-python" else version(name))
    assert proof_cache.digest_prover() != before
    proof_cache.digest_prover.cache_clear()


def test_conditions_are_proved_anew_when_an_address_or_the_time_zone_changes(city: City) -> None:
    intent = compile_cloud_intent(city, FACTS)
    school, *others = city.schools
    lines = school.lines
    moved = lines.primary.model_copy(update={"kind": "fixed-ip", "egress": (parse_prefix("198.51.100.9"),)})
    away = school.model_copy(update={"lines": lines.model_copy(update={"primary": moved})})
    cities = [
        city,
        city.replace_file(SCHOOLS, SchoolFile(schools=(away, *others))),
        city.replace_file(CITY, city.settings.model_copy(update={"timezone": "Asia/Seoul"})),
    ]
    assert len({build_conditions_key(one, intent) for one in cities}) == len(cities)


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
    intents, _ = compile_device_filters(city, device, CiscoIos.capabilities)
    first = next(one for one in intents if len(one.clauses) > 1)
    clause, *others = first.clauses
    kept = KeepsState(owner="x", reason="y")
    away = city.settings.model_copy(update={"controllers": (parse_prefix("10.255.9.0/24"),)})
    elsewhere = clause._replace(origin=Origin("elsewhere.yaml", 1))
    keys = [
        build_filter_key(city, device, first, None),
        build_filter_key(city, device, replace(first, clauses=tuple(others)), None),
        build_filter_key(city, device, replace(first, clauses=(clause._replace(established=True), *others)), None),
        build_filter_key(city, device, replace(first, vlan=first.vlan + 1), None),
        build_filter_key(city, device, first, DelegatedFilter(first, "rt1", kept)),
        build_filter_key(city, replace(device, platform="other"), first, None),
        build_filter_key(city.replace_file(CITY, away), device, first, None),
    ]
    assert len(set(keys)) == len(keys)
    # A line that moves in its file changes nothing that a proof is about.
    assert build_filter_key(city, device, replace(first, clauses=(elsewhere, *others)), None) == keys[0]


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many filters each call of the proof was about."""
    seen: list[int] = []

    def counted(city: City, intent: DeviceIntent, system: Platform) -> int:
        seen.append(len(intent.intents))
        return prove_rendered_device(city, intent, system)

    monkeypatch.setattr(device_proof, "prove_rendered_device", counted)
    return seen


def wider(city: City) -> City:
    """The same, but from printers pupils' records are reached, too."""
    rule = next(one for one in city.rules if one.id == "dashboard-pupils")
    assert rule.network
    changed = rule.model_copy(update={"network": rule.network.model_copy(update={"from_": ("pupil", "printers")})})
    return city.replace_file(RULES, RuleFile(rules=tuple(changed if one is rule else one for one in city.rules)))


@pytest.mark.parametrize("platform", ["cisco_ios", "allied_telesis_awplus"])
def test_after_a_change_only_the_filters_that_changed_are_proved(
    tmp_path: Path, city: City, platform: str, proved: list[int]
) -> None:
    fleets = (one for school in city.schools for one in city.list_devices(school))
    device = next(one for one in fleets if (one.platform, one.role) == (platform, "core"))
    prove_devices(city, [device], ProofCache(tmp_path))
    found = prove_devices(wider(city), [device], ProofCache(tmp_path))
    assert (found.done, found.from_cache, found.filters, found.policies, found.failures) == (1, 0, 32, 0, [])
    assert proved == [32, 4]  # printers, both families, both ways
    # Back again: the device is known as a whole.
    assert prove_devices(city, [device], ProofCache(tmp_path)).from_cache == 1


def test_a_mistake_in_a_filter_that_changed_is_found_among_known_ones(
    tmp_path: Path, city: City, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove_devices(city, [device], ProofCache(tmp_path))
    fewer = city.replace_file(RULES, RuleFile(rules=tuple(one for one in city.rules if one.id != "dashboard-pupils")))
    monkeypatch.setattr(device_proof, "compile_device_filters", lambda _, *rest: compile_device_filters(city, *rest))
    found = prove_devices(fewer, [device], ProofCache(tmp_path))
    assert found.done == 0
    (said,) = found.failures
    assert f"from pupil at {device.school.id} to learning-dashboard passes: tcp" in said


def test_a_device_that_gets_too_full_is_proved_whole(
    tmp_path: Path, city: City, proved: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters that are known count, too, with the size that they were proved in."""
    fleets = (one for school in city.schools for one in city.list_devices(school))
    device = next(one for one in fleets if one.platform == "allied_telesis_awplus" and one.role == "core")
    prove_devices(city, [device], ProofCache(tmp_path))
    prove_devices(wider(city), [device], ProofCache(tmp_path / "other"))
    system = load_platform(device.platform)
    size = sum(len(one.entries) for one in compile_device(city, device, system.capabilities).wanted.filters)
    monkeypatch.setattr(type(system), "capabilities", replace(system.capabilities, maximum_device_entries=size))
    found = prove_devices(wider(city), [device], ProofCache(tmp_path))
    assert proved == [32, 32, 32]
    assert found.failures == []
    # Now its filters are written in fewer entries: none is known as it was.
    assert prove_devices(wider(city), [device], ProofCache(tmp_path)).from_cache == 1


def test_what_the_city_says_of_a_school_names_the_proofs_of_its_devices(city: City, device: Device) -> None:
    before = CityKeys(city).device_key(device)
    assert CityKeys(replace(city, digest="0" * 64)).device_key(device) == before

    def scoped(rule: Rule, ids: tuple[str, ...]) -> City:
        """The city with a rule for some schools only."""
        changed = rule.model_copy(update={"schools": Scope(ids=ids)})
        return city.replace_file(RULES, RuleFile(rules=tuple(changed if one is rule else one for one in city.rules)))

    rule = next(one for one in city.rules if one.network and one.schools is None and not one.identity)
    here, elsewhere = scoped(rule, (device.school.id,)), scoped(rule, ("kw-e01",))
    assert device.school.id != "kw-e01"
    assert CityKeys(here).device_key(device) == before  # the rule is for this school as it was
    assert CityKeys(elsewhere).device_key(device) != before
    assert CityKeys(city.replace_file(RULES, RuleFile(rules=city.rules[1:]))).device_key(device) != before
    assert (
        CityKeys(
            city.replace_file(
                INFRASTRUCTURE_PROTOCOLS, InfrastructureProtocolFile(necessities=city.infrastructure_protocols[1:])
            )
        ).device_key(device)
        != before
    )
    assert CityKeys(city.replace_file(SCHOOLS, SchoolFile(schools=city.schools[1:]))).device_key(device) != before
    outputs = city.outputs.model_copy(update={"applications": {}})
    assert CityKeys(city.replace_file(OUTPUTS, outputs)).device_key(device) != before
    assert CityKeys(city).device_key(replace(device, ports=device.ports[1:])) != before
    assert CityKeys(city).device_key(replace(device, platform="other")) != before


def test_only_proofs_that_hold_are_kept(
    tmp_path: Path, city: City, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        message = "planted"
        raise ProofFailed(message)

    with monkeypatch.context() as patched:
        patched.setattr(device_proof, "prove_rendered_device", fails)
        found = prove_devices(city, [device], ProofCache(tmp_path))
        assert (found.failures, found.done) == (["planted"], 0)
    found = prove_devices(city, [device], ProofCache(tmp_path))
    assert (found.done, found.from_cache, found.filters) == (1, 0, 32)
    found = prove_devices(city, [device], ProofCache(tmp_path))
    assert (found.done, found.from_cache, found.filters) == (0, 1, 32)
    # Another policy, but of this device it says the same.
    found = prove_devices(replace(city, digest="0" * 64), [device], ProofCache(tmp_path))
    assert (found.done, found.from_cache, found.filters) == (0, 1, 32)


def cores(city: City, count: int) -> list[Device]:
    found = (one for school in city.schools for one in city.list_devices(school) if one.role == "core")
    return [one for one in found if one.platform == "cisco_ios"][:count]


@pytest.mark.parametrize("copied", [True, False])
def test_many_devices_are_proved_in_several_processes(
    tmp_path: Path, city: City, device: Device, *, copied: bool
) -> None:
    processes = ProofProcesses(2, copied, worth_a_copy=1, worth_a_start=1)
    floors = [one for one in city.list_devices(device.school) if one.role == "floor"]
    devices = [*cores(city, 3), *floors]
    found = prove_devices(city, devices, ProofCache(tmp_path), processes)
    assert (found.done, found.from_cache, found.failures) == (len(devices), 0, [])
    assert found.filters == 3 * 32
    found = prove_devices(city, devices, ProofCache(tmp_path), processes)
    assert (found.done, found.from_cache) == (0, len(devices))


def test_a_process_that_is_killed_is_said_and_nothing_is_kept(
    tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does it where memory runs out."""
    monkeypatch.setattr(city_proof, "prove_device", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(TsunaguError, match="ended from outside"):
        prove_devices(city, cores(city, 3), ProofCache(tmp_path), ProofProcesses(2, copied=True, worth_a_copy=1))
    assert not list(tmp_path.iterdir())


def test_a_policy_that_changes_while_it_is_proved_is_said(city: City) -> None:
    """Processes that cannot be copies read the files anew, and find others than this one did."""
    processes = ProofProcesses(2, copied=False, worth_a_start=1)
    with pytest.raises(TsunaguError, match="the policy changed while it was being proved"):
        prove_devices(replace(city, digest="0" * 64), cores(city, 3), ProofCache(None), processes)


def test_prove_without_configurations_says_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    proved = ("prove", "--school", "kw-s01", "--lab")
    first = here(*proved, cwd=ROOT)
    assert first.code in (0, 3)
    assert "done, all hold;" in first.said
    assert "; proved now: 16 of 16 filters, 2 of 2 devices, 14 of 14 other checks; " in first.said
    file = file_of(tmp_path / "tsunagu" / "proofs")
    file.write_bytes(b"rubbish\n" + file.read_bytes())
    second = here(*proved, cwd=ROOT)
    assert second.code == first.code
    assert "done, all hold;" in second.said
    assert "; proved now: 0 of 16 filters, 0 of 2 devices, 13 of 14 other checks; " in second.said.splitlines()[-1]
    assert "1 entries that are not ours ignored" in second.said
    assert " 0 from the cache\n" in here(*proved, "--no-cache", cwd=ROOT).said


def test_what_holds_no_filters_is_proved_anew_by_its_own_policy_only(city: City) -> None:
    """3,857 access points need not be proved again for a rule; for a server or an isolated segment they do."""
    point = next(one for one in city.list_devices(city.schools[0]) if one.role == "access-point")
    before = CityKeys(city).device_key(point)
    assert CityKeys(city.replace_file(RULES, RuleFile(rules=city.rules[1:]))).device_key(point) == before
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
        city.replace_file(SEGMENTS, SegmentFile(segments=tuple(segments.values()))),
        city.replace_file(ADMISSION, city.admission.model_copy(update={"servers": city.admission_servers[1:]})),
        city.replace_file(BLUEPRINTS, blueprints),
    ):
        assert CityKeys(other).device_key(point) != before
    core = next(one for one in city.list_devices(city.schools[0]) if one.role == "core")
    assert CityKeys(city.replace_file(RULES, RuleFile(rules=city.rules[1:]))).device_key(core) != CityKeys(
        city
    ).device_key(core)


def test_conditions_alone_are_judged_in_parts(tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """No device is left to prove, and the people are shared out to two processes: all are asked, as in one."""
    processes = ProofProcesses(2, copied=True)
    some = list(islice(iap_bindings.list_principal_cases(city), 101))
    monkeypatch.setattr(iap_bindings, "list_principal_cases", lambda _: iter(some))
    whole = prove_iap_bindings(city)
    found = prove_city(city, [], ProofCache(tmp_path), processes)
    assert (found.checks[0].name, found.checks[0].examined) == (whole.name, whole.examined)
    known = prove_city(city, [], ProofCache(tmp_path), processes)
    assert known.checks[0].evidence == ("known from an earlier proof of the same content",)
    assert known.checks[0].examined == whole.examined
    key = build_conditions_key(city, compile_cloud_intent(city, FACTS))
    assert ProofCache(tmp_path).find(key) == ProofCoverage(whole.examined, 0)
