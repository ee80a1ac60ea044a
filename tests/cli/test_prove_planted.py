"""`tsunagu prove` with one function of the product made wrong: the mistake is found, and named as a user needs it.

What the proxy's conditions say is proved once, for the city without a mistake: it is asked of hundreds of thousands of
people. The cache knows nothing else, and a mistake in the conditions is other content, which is proved anew.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from controller.compile.identity import admission_8021x
from controller.compile.identity.access_levels import AccessLevel, AccessLevelCatalogue
from controller.compile.identity.admission_8021x import RadiusRow
from controller.compile.network import aggregate
from controller.model.access.admission import Admission
from controller.model.access.rules import Segment
from controller.model.network.device_state import DeviceState
from controller.model.network.packets import Family, Match, Ports, Prefix, parse_prefix
from controller.platforms.base import Step
from controller.platforms.dialect import acl, platform
from controller.platforms.dialect.acl import AclGrammar
from controller.platforms.dialect.words import Words
from tests.cli.running import Done, here
from tests.policies import PolicyFolder

CORE = "kw-s01-core1"
LINE = rf"{CORE} \(rendered\):\d+"
RULES = r"policies/access/rules\.yaml:\d+"
FILTERS = "DIFFERS  filters, routes and wireless networks, as rendered and parsed back"
SEE_SWITCHES = (
    "  - {id: see-switches, effect: permit, purpose: x, applications: [device-management], network: {from: [staff]}}\n"
)
"""It looks harmless: staff may look at the state of the school's switches."""


@dataclass(frozen=True)
class Prover:
    """A city of few schools whose conditions at the proxy were proved before, and nothing else."""

    policies: PolicyFolder
    place: Path

    def __call__(self, *options: str, school: str = "kw-s01", expect: int = 2) -> Done:
        """Prove a school; what a user would see."""
        done = here("prove", "--policies", str(self.policies.path), "--school", school, *options, cwd=self.place)
        assert done.code == expect, done.said + done.errors
        return done


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prover]:
    """The city, and its conditions proved."""
    place = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        prover = Prover(PolicyFolder(place), place)
        # Exit code 3: nothing differs, and some devices are on platforms that are not built.
        assert "done, all hold;" in prover(school="kw-e01", expect=0).said
        yield prover


@pytest.fixture
def prover(known: Prover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prover:
    """The same with a cache and policies of its own."""
    shutil.copytree(known.place, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    policies = object.__new__(PolicyFolder)
    policies.path = tmp_path / "policies"
    return Prover(policies, tmp_path)


def plant(patch: pytest.MonkeyPatch, where: object, name: str, wrong: Callable[..., object]) -> None:
    """Put a function in the place of a good one, which it gets first."""
    good = getattr(where, name)
    patch.setattr(where, name, lambda *given: wrong(good, *given))


def test_without_a_mistake_nothing_differs(prover: Prover) -> None:
    assert "16 done, all hold;" in prover(expect=0).said


def test_policy(prover: Prover) -> None:
    prover.policies.append("access/rules.yaml", SEE_SWITCHES)
    done = prover()
    assert FILTERS in done.said
    assert "from staff at kw-s01 to management at kw-s01 reaches the management: tcp 10.33.0.10" in done.said
    assert re.search(rf"the policy: permit by see-switches \(\S*{RULES}\)", done.said)


def test_renderer(prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that forbids pupils plain web loses its port, and forbids them the whole web."""

    def forgetful(good: Callable[..., list[str]], grammar: AclGrammar, match: Match, ports: Ports) -> list[str]:
        return [] if (ports, match.destination.prefixlen) == ((80, 80), 0) else good(grammar, match, ports)

    plant(monkeypatch, acl, "_write_ports", forgetful)
    done = prover()
    assert FILTERS in done.said
    assert re.search(
        rf"{CORE} TSN-20-from-4-\w+ {LINE}: denies tcp 10\.33\.16\.10 port \d+ -> \S+ port 443, "
        rf"but rule web \(\S*{RULES}\) permits it",
        done.said,
    ), done.said


def test_parser(prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wildcard of twelve bits is read as one of eleven."""

    def short(good: Callable[..., Prefix], words: Words, family: Family, address: str, *others: str) -> Prefix:
        wildcard, expected = others
        narrower = "0.0.7.255" if wildcard == "0.0.15.255" else wildcard
        return good(words, family, address, narrower, expected)

    plant(monkeypatch, acl, "read_wildcard", short)
    done = prover()
    assert FILTERS in done.said
    assert re.search(
        rf"{CORE} TSN-20-from-4-\w+ {LINE}: denies \S+ 10\.33\.2\d\.\d+ .*but rule \S+ \(\S*{RULES}\)",
        done.said,
    ), done.said


def test_radius_row(prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pupils' devices are put where the teachers are."""

    def generous(
        good: Callable[..., RadiusRow], segments: Mapping[str, Segment], one: Admission, place: str
    ) -> RadiusRow:
        row = good(segments, one, place)
        staff = segments["staff"]
        return replace(row, segment=staff.id, vlan=staff.vlan) if one.id == "pupils" else row

    plant(monkeypatch, admission_8021x, "_row", generous)
    done = prover()
    assert "DIFFERS  802.1X rows" in done.said
    assert re.search(
        r"x a device with a certificate of class 'pupil-device' at own-school is put into VLAN 10 \(staff\) by row "
        r"'pupils', but the policy says pupil, VLAN 20 \(\S*policies/access/admission\.yaml:\d+\)",
        done.said,
    ), done.said


def test_condition_at_the_proxy(prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second factor on the telephone is forgotten among those that are better than an SMS."""

    def careless(
        good: Callable[..., AccessLevel], of: AccessLevelCatalogue, key: str, expression: str, *rest: object
    ) -> AccessLevel:
        push = " || request.auth.claims.crd_str.push == true"
        return good(of, key, expression.replace(push, "") if key == "mfa_without_sms" else expression, *rest)

    plant(monkeypatch, AccessLevelCatalogue, "_level", careless)
    done = prover()
    assert "DIFFERS  proxy conditions (CEL)" in done.said
    assert re.search(
        r"x a \S+ at \S+ on \w+ 20\S+ \S+ \(.*second factor without-sms\) is refused at affairs by affairs-\S+ "
        r"\(access levels .*tsunagu_lab_mfa_without_sms not granted.*\), "
        rf"but the policy: permit by \S+ \(\S*{RULES}\)",
        done.said,
    ), done.said


def test_aggregation(prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two services have every second address of a block, together more than a list takes; too much is put together.

    The block is none of the internet, where pupils may go anyway.
    """
    for name, old, first in (("cbt", "198.51.100.96/27", 0), ("drills", "198.51.100.64/27", 1)):
        listed = (f"100.100.{third}.{fourth}" for third in range(4, 9) for fourth in range(first, 256, 2))
        prover.policies.edit(f"access/prefixes/{name}.yaml", old, ", ".join(listed))

    def generous(good: Callable[..., list[Prefix]], networks: Iterable[Prefix]) -> list[Prefix]:
        return [parse_prefix("100.100.8.0/23") if str(one) == "100.100.8.0/24" else one for one in good(networks)]

    with monkeypatch.context() as patch:
        plant(patch, aggregate, "_prefixes", generous)
        done = prover()
    assert FILTERS in done.said
    assert re.search(
        rf"{CORE} TSN-20-from-4-\w+ {LINE}: permits tcp 10\.33\.\S+ port \d+ -> 100\.100\.9\.\d+ port 443, "
        rf"but no rule permits it \(default deny\); the compiler has such a line for drills \(\S*{RULES}\), cbt \(",
        done.said,
    ), done.said
    assert "16 done, all hold;" in prover(expect=0).said


def test_order_of_a_plan(prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are bound before they are filled: until they are, they deny what is permitted before and after."""
    configs = prover.place / "configs"
    where = ("--policies", str(prover.policies.path), "--school", "kw-s01")
    assert here("render", *where, "-o", str(configs), cwd=prover.place).code == 0
    for path in configs.glob("*.cfg"):
        if path.stem != CORE:
            path.unlink()
    path = configs / f"{CORE}.cfg"
    text = path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "host 203.0.113.11 eq 443" in line)
    path.write_text(text.replace(f"{line}\n", "", 1), encoding="utf-8")
    assert "holds    every state on the way" in prover("--configs", str(configs)).said

    def hasty(
        good: Callable[..., tuple[Step, ...]], now: DeviceState, wanted: DeviceState, changes: object
    ) -> tuple[Step, ...]:
        bound = [one if one in now.filters else replace(one, entries=one.entries[-1:]) for one in wanted.filters]
        early = Step("bind access lists", (), replace(wanted, filters=tuple(bound)))
        return early, *good(now, wanted, changes)

    plant(monkeypatch, platform, "plan_steps", hasty)
    done = prover("--configs", str(configs))
    assert "DIFFERS  every state on the way" in done.said
    assert re.search(
        rf"x {CORE}: step 1 \(bind access lists\), VLAN 10 from IPv4: tcp 10\.33\.0\.10 .* is cut \(filter "
        rf"TSN-10-from-4-\S+ .*\), though it passes before and after; the policy: permit by \S+ \(\S*{RULES}\)",
        done.said,
    ), done.said
