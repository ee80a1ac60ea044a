"""Attacks by a change of the policies: on how devices are reached, who the controllers are, what counts as internet."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from time import process_time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.cli.output import Exit
from controller.errors import Origin, PolicyError
from controller.model.city import City
from controller.model.loading.bounds import find_bound_problems
from controller.model.network.packets import Family, Prefix, parse_prefix
from controller.model.policy_bounds import RESERVED_FLOOR, PolicyBounds
from controller.model.policy_files import CITY, OUTPUTS
from controller.operations.anchors import find_uncovered
from controller.operations.operations import CloudBounds, Operations
from controller.operations.operators_file import load_operations, read_operators_file
from controller.prove.lint.device_access import check_device_access
from tests.cli.running import ROOT, here
from tests.policies import PolicyFolder

VARIED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
FILE = "city/city.yaml"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def problems(city: City, bounds: PolicyBounds | None = None) -> list[str]:
    found = find_bound_problems(city, bounds or PolicyBounds(), lambda file, field: Origin(f"{file.name}:{field}", 1))
    return [str(one) for one in found]


def with_controllers(city: City, *prefixes: Prefix) -> City:
    return city.replace_file(CITY, city.settings.model_copy(update={"controllers": prefixes}))


def with_output(city: City, *prefixes: Prefix) -> City:
    placed = city.outputs.applications["affairs"]
    changed = placed.model_copy(update={f"ipv{prefixes[0].version}": prefixes})
    applications = {**city.outputs.applications, "affairs": changed}
    return city.replace_file(OUTPUTS, city.outputs.model_copy(update={"applications": applications}))


# --- how devices are reached is nothing that policies can say ---

SAID = {
    "a command": "password: {{command: [touch, {marker}]}}",
    "a shell": "password: {{command: [sh, -c, 'env > {marker}']}}",
    "a file": "password: {{file: /etc/passwd}}",
    "a key": "key: {{file: /etc/passwd}}",
    "a variable": "key: {{env: CI_TOKEN}}",
    "known hosts": "known-hosts: {marker}",
    "a user": "user: root",
    "a port": "port: 2222",
    "a namespace": "namespace: ../../proc/1/ns/net",
    "a jump host": "jump-host: {{host: h, user: u, key: {{env: K}}, known-hosts: /k}}",
    "old algorithms": "legacy-algorithms: [ssh-rsa]",
}


@pytest.mark.parametrize(
    ("place", "said"),
    [*(("city", said) for said in SAID), *((place, said) for place in ("choice", "lab") for said in list(SAID)[::4])],
)
def test_a_policy_cannot_say_how_devices_are_reached(
    policies: PolicyFolder, tmp_path: Path, place: str, said: str
) -> None:
    marker = tmp_path / "marker"
    text = SAID[said].format(marker=marker)
    if place == "city":
        policies.edit(FILE, "{default: switches}", f"{{default: switches, {text}}}")
    elif place == "choice":
        choice = f"{{default: switches, choices: [{{access: a, roles: [core], {text}}}]}}"
        policies.edit(FILE, "{default: switches}", choice)
    else:
        policies.append("city/lab.yaml", f"device-access: {{{text}}}\n")
    assert any("unknown field" in problem for problem in policies.problems())
    assert not marker.exists()


@pytest.mark.parametrize("said", ["a command", "a shell"])
def test_no_command_of_ours_runs_a_command_of_theirs(policies: PolicyFolder, tmp_path: Path, said: str) -> None:
    marker = tmp_path / "marker"
    policies.edit(FILE, "{default: switches}", f"{{default: switches, {SAID[said].format(marker=marker)}}}")
    for command in (["drift", "--school", "as-e04"], ["trust", "as-e04-core1"]):
        done = here(*command, cwd=tmp_path)
        assert done.code == Exit.FAILED
        assert "unknown field" in done.errors
    assert not marker.exists()


@pytest.mark.parametrize("name", ["../switches", "a/b", "A", "a b", "", "x" * 60, "{{ lookup }}", "-x", "a\\nb"])
def test_the_id_of_an_access_is_a_name(policies: PolicyFolder, name: str) -> None:
    policies.edit(FILE, "{default: switches}", f'{{default: "{name}"}}')
    (said,) = policies.problems()
    assert f"{FILE}:" in said
    assert "device-access.default: " in said


def test_an_access_is_chosen_by_school_lot_and_role(policies: PolicyFolder) -> None:
    choices = """
  default: switches
  choices:
    - {access: routers, roles: [router]}
    - {access: lot-two, lots: [lot-2]}
    - {access: lot-two-routers, lots: [lot-2], roles: [router]}
    - {access: one-school, schools: [as-e04]}
"""
    policies.edit(FILE, " {default: switches}\n", choices)
    city = policies.load()

    def reached(school: str, role: str) -> set[str]:
        return {one.access for one in city.list_devices(city.school_by_id[school]) if one.role == role}

    assert reached("kw-s01", "core") == {"switches"}
    assert reached("kw-s01", "router") == {"routers"}
    assert reached("tm-j06", "core") == {"lot-two"}
    assert reached("tm-j06", "router") == {"lot-two-routers"}
    assert reached("as-e04", "core") == reached("as-e04", "router") == {"one-school"}


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ("[{access: a, lots: [lot-1]}, {access: b, lots: [lot-1, lot-2]}]", "some devices would be reached by 'b' and"),
        ("[{access: a, roles: [core]}, {access: b, roles: [core]}]", "some devices would be reached by 'b' and"),
        ("[{access: a, schools: [nowhere]}]", "unknown school 'nowhere'"),
        ("[{access: a, lots: [lot-9]}]", "unknown procurement lot 'lot-9'"),
        ("[{access: a}]", "name schools, lots or roles"),
    ],
)
def test_choices_that_do_not_say_which(policies: PolicyFolder, choices: str, said: str) -> None:
    policies.edit(FILE, "{default: switches}", f"{{default: switches, choices: {choices}}}")
    assert any(said in problem for problem in policies.problems())


@pytest.mark.parametrize("order", [1, -1])
def test_order_of_choices_means_nothing(policies: PolicyFolder, order: int) -> None:
    choices = ["{access: a, lots: [lot-1]}", "{access: b, roles: [core]}"][::order]
    policies.edit(FILE, "{default: switches}", f"{{default: switches, choices: [{', '.join(choices)}]}}")
    city = policies.load()
    (core,) = [one for one in city.list_devices(city.school_by_id["kw-s01"]) if one.role == "core"]
    assert core.access == "a"  # a lot names it more closely than a role


# --- who the controllers are ---


@pytest.mark.parametrize(
    "written",
    ["8.8.0.0/16", "10.0.0.0/8", "10.255.0.0/27", "8.8.8.8/32", "2400:cb00::/32", "2001:db8:80ff::/64", "::/0"],
)
def test_controllers_of_a_policy_alone_are_few_and_private(policies: PolicyFolder, written: str) -> None:
    at, replaced = (1, "2001:db8:80ff::10/128") if ":" in written else (0, "10.255.0.10/32")
    policies.edit(FILE, replaced, f'"{written}"')
    assert any(f"controllers.{at}: {written}" in problem for problem in policies.problems())


def cut_apart(network: str, length: int) -> list[Prefix]:
    return list(parse_prefix(network).subnets(new_prefix=length))


@pytest.mark.parametrize(("network", "length"), [("172.20.0.0/24", 28), ("172.20.0.0/26", 32), ("fd00::/122", 126)])
def test_controllers_of_a_policy_alone_are_few_all_together(city: City, network: str, length: int) -> None:
    apart = cut_apart(network, length)[::2]
    assert problems(with_controllers(city, *apart[:1])) == []
    (said,) = problems(with_controllers(city, *apart, *apart))
    assert "controllers: have more addresses together than a /" in said
    assert problems(with_controllers(city, *apart), Operations(controllers=tuple(apart)).get_bounds()) == []


def cut(at: int, length: int, bits: int) -> Prefix:
    kind = IPv4Network if bits == 32 else IPv6Network
    return kind((at >> (bits - length) << (bits - length), length))


PREFIXES: st.SearchStrategy[Prefix] = st.one_of(
    st.builds(cut, st.integers(0, 2**32 - 1), st.integers(0, 32), st.just(32)),
    st.builds(cut, st.integers(0, 2**128 - 1), st.integers(0, 128), st.just(128)),
)


@given(prefix=PREFIXES)
@example(prefix=parse_prefix("8.8.0.0/16"))
@example(prefix=parse_prefix("10.255.0.0/28"))
@VARIED
def test_no_controller_is_public_or_a_whole_network_by_default(city: City, prefix: Prefix) -> None:
    small = prefix.prefixlen >= {4: 28, 6: 124}[prefix.version]
    private = not prefix.is_global and not prefix.is_multicast
    assert bool(problems(with_controllers(city, prefix))) is not (small and private)


@given(prefix=PREFIXES, given_=PREFIXES)
@VARIED
def test_no_controller_lies_outside_those_of_the_operators_file(city: City, prefix: Prefix, given_: Prefix) -> None:
    bounds = Operations(controllers=(given_,)).get_bounds()
    first, last = int(prefix.network_address), int(prefix.broadcast_address)
    inside = prefix.version == given_.version and (
        int(given_.network_address) <= first and last <= int(given_.broadcast_address)
    )
    assert bool(problems(with_controllers(city, prefix), bounds)) is not inside
    assert not problems(with_controllers(city, given_), bounds)


# --- what is never internet ---


@pytest.mark.parametrize("missing", RESERVED_FLOOR, ids=str)
def test_each_range_of_the_floor_must_stand(city: City, missing: Prefix) -> None:
    kept = tuple(one for one in city.settings.reserved if one != missing)
    changed = city.replace_file(CITY, city.settings.model_copy(update={"reserved": kept}))
    assert any(f"{missing} must stand here" in one for one in problems(changed))
    half = next(iter(missing.subnets(1)))
    halved = city.replace_file(CITY, city.settings.model_copy(update={"reserved": (*kept, half)}))
    assert any(f"{missing} must stand here" in one for one in problems(halved))
    # The same addresses in other words are the same.
    whole = city.replace_file(CITY, city.settings.model_copy(update={"reserved": (*kept, *missing.subnets(1))}))
    assert problems(whole) == []


def test_the_operators_floor_may_hold_more(city: City) -> None:
    bounds = Operations(reserved=(*RESERVED_FLOOR, parse_prefix("203.0.113.0/24"))).get_bounds()
    said = "\n".join(problems(city, bounds))
    assert "203.0.113.0/24 must stand here" in said
    assert "203.0.113.10/32 is no global unicast address: it is reserved" in said


# --- what a stack says of itself ---


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("8.0.0.0/7", "has more addresses than a /28"),
        ("1.0.0.0/8", "has more addresses than a /28"),
        ("0.0.0.0/0", "has more addresses than a /28"),
        ("8.8.8.0/27", "has more addresses than a /28"),
        ("10.1.2.3/32", "it is reserved"),
        ("127.0.0.1/32", "it is reserved"),
        ("169.254.169.254/32", "it is reserved"),
        ("224.0.0.1/32", "is no global unicast address"),
        ("255.255.255.255/32", "it is reserved"),
        ("::/0", "has more addresses than a /56"),
        ("2000::/3", "has more addresses than a /56"),
        ("2400:cb00::/48", "has more addresses than a /56"),
        ("fe80::1/128", "is no global unicast address"),
        ("fd00::/64", "is no global unicast address"),
        ("ff02::1/128", "is no global unicast address"),
        ("::ffff:8.8.8.8/128", "is no global unicast address"),
        ("2002::1/128", "it is reserved"),
    ],
)
def test_outputs_of_a_stack_are_few_global_addresses(policies: PolicyFolder, written: str, said: str) -> None:
    old = '"203.0.113.10"' if "." in written and ":" not in written else '"2001:db8:c000::10"'
    policies.edit("stack-outputs/lab.json", old, f'"{written}"')
    found = [one for one in policies.problems() if one.startswith("stack-outputs/lab.json")]
    assert any("applications.affairs.ipv" in one and said in one for one in found), found


@given(prefix=PREFIXES)
@VARIED
def test_no_output_is_larger_than_the_bound(city: City, prefix: Prefix) -> None:
    for ipv4, ipv6 in ((28, 56), (24, 64), (32, 128)):
        bounds = Operations.model_validate({"cloud-bounds": CloudBounds(ipv4=ipv4, ipv6=ipv6)}).get_bounds()
        if prefix.prefixlen < bounds.cloud_lengths[Family(prefix.version)]:
            assert any("has more addresses than" in one for one in problems(with_output(city, prefix), bounds))
    within = Operations.model_validate({"cloud-bounds": {"within": ["203.0.113.0/24"]}}).get_bounds()
    if prefix.version == 4 and prefix != parse_prefix("203.0.113.10/32"):
        inside = prefix.subnet_of(parse_prefix("203.0.113.0/24"))  # type: ignore[arg-type] # both of IPv4
        assert inside or problems(with_output(city, prefix), within)


@pytest.mark.parametrize(("network", "length"), [("8.8.0.0/16", 28), ("8.8.8.0/26", 32), ("2400:cb00::/48", 64)])
def test_many_small_blocks_of_a_stack_are_a_large_one(city: City, network: str, length: int) -> None:
    apart = cut_apart(network, length)[:2048:2]
    assert problems(with_output(city, apart[0])) == []
    (said,) = problems(with_output(city, *apart))
    assert "applications.affairs.ipv" in said
    assert "its blocks together: has more addresses than a /" in said


# --- what check says of the operators' file ---


def test_check_says_what_is_weak(city: City, tmp_path: Path) -> None:
    path = tmp_path / "operations.yaml"
    path.write_text(
        "format: 1\naccess:\n  switches:\n    user: u\n    known-hosts: /k\n    password: {env: P}\n"
        "  old:\n    user: u\n    known-hosts: /k\n    key: {env: K}\n    legacy-algorithms: [ssh-rsa]\n",
        encoding="utf-8",
    )
    path.chmod(0o600)
    found = [str(one) for one in check_device_access(city, read_operators_file(path))]
    assert len(found) == 3
    assert found[0].startswith(f"{path}:6: warning: password access: switches logs in with a password")
    assert found[1].startswith(f"{path}:10: warning: no read key: old reads with the key that changes devices")
    assert found[2] == f"{path}:11: warning: legacy algorithms: old allows old SSH algorithms: ssh-rsa"
    keys = "key: {env: K}, read-key: {env: R}"
    path.write_text(f"format: 1\naccess: {{other: {{user: u, known-hosts: /k, {keys}}}}}\n", encoding="utf-8")
    (unknown,) = check_device_access(city, read_operators_file(path))
    assert f"'switches' is no access of {path}; it has: other" in str(unknown)
    assert load_operations(path).access["other"].user == "u"


def list_loads() -> Iterator[tuple[str, bool]]:
    """Every call that loads a city in what ships, and whether it says within which bounds."""
    for top in ("controller", "monitoring", "stacks", "playbooks"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_city":
                    named = any(word.arg == "bounds" for word in node.keywords)
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", named


def test_whatever_loads_a_policy_says_within_which_bounds() -> None:
    calls = list(list_loads())
    assert len(calls) >= 8
    assert [place for place, named in calls if not named] == []


def test_very_many_ranges_and_choices_are_judged_quickly(city: City, policies: PolicyFolder) -> None:
    many = tuple(IPv4Network((number << 12, 28)) for number in range(20_000))
    wide = city.replace_file(CITY, city.settings.model_copy(update={"reserved": (*city.settings.reserved, *many)}))
    began = process_time()
    assert problems(wide) == []
    assert list(find_uncovered(many, many)) == []
    assert process_time() - began < 4.0
    choices = ", ".join(f"{{access: a{number}, schools: [as-e04]}}" for number in range(201))
    policies.edit(FILE, "{default: switches}", f"{{default: switches, choices: [{choices}]}}")
    assert any("device-access.choices" in problem and "200" in problem for problem in policies.problems())


def test_many_small_files_together_hold_no_more_than_a_policy_may(tmp_path: Path) -> None:
    """Each file is within its own bound, and writes thousands of values with a few aliases."""
    policies = PolicyFolder(tmp_path)
    fan = "\n".join(f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else '1' + ', 1' * 9}]" for n in range(4))
    for number in range(60):
        (policies.path / f"city/schools/w{number:02}.yaml").write_text(
            f"format: 1\nschools:\n{fan}\n", encoding="utf-8"
        )
    with pytest.raises(PolicyError, match="the policy holds more than 400,000 values") as refused:
        policies.load()
    assert any("/city/schools/w" in str(one.origin) for one in refused.value.problems)


def test_a_policy_of_many_bytes_is_refused(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    for number in range(5):
        (policies.path / f"city/schools/w{number}.yaml").write_bytes(b"# " + b"x" * (2 << 20) + b"\n")
    with pytest.raises(PolicyError, match="holds more than 8 MB, the most that is read"):
        policies.load()
