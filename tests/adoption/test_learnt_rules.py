"""Rules that are learnt from lists: proved by the engine, and held against the evaluators that know no sets."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml

from controller.adoption.effective_filters import find_old_filters
from controller.adoption.learning.learnt import LearntRules
from controller.adoption.learning.learnt_file import format_learnt_rules
from controller.adoption.learning.learnt_proof import prove_learnt_list, replace_policy
from controller.adoption.learning.learnt_rules import learn_rules
from controller.adoption.learning.list_entries import find_entry_line
from controller.adoption.reading import read_existing_network
from controller.cli.output import Exit
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import ProofFailed
from controller.model.city import City
from controller.model.network.packets import Direction, Family, Packet, Protocol
from controller.model.reference_evaluator import Flow, evaluate_network
from controller.plan.select import find_device
from controller.platforms.registry import load_platform
from controller.prove.filters.evaluation import evaluate_filter, find_first_entry
from tests.adoption.conftest import CATALYST, X530, read_saved_text
from tests.cli.running import ROOT, here
from tests.policies import PolicyFolder

SAYABLE = (
    "interface Vlan10\n ip address 10.33.0.1 255.255.252.0\n ip access-group IN in\n"
    "ip access-list extended IN\n"
    " permit tcp any host 10.254.0.10 eq 443\n"
    " permit udp 10.33.0.0 0.0.3.255 host 192.0.2.200 range 5000 5010\n"
    " permit udp any host 10.33.0.1 eq domain\n"
    " deny ip any any log\n"
    "hostname core1\nend\n"
)


def learn(city: City, device: str, text: str) -> LearntRules:
    found = find_device(city, device)
    network = read_existing_network(found.platform, text, device, f"{device}.cfg")
    return learn_rules(city, found, network, f"{device}.cfg")


def apply_learnt(city: City, learnt: LearntRules) -> City:
    news = [one.application for one in learnt.rules if one.application is not None]
    return replace_policy(city, [*(one for one, _ in learnt.named), *news], [one.rule for one in learnt.rules])


def test_what_is_said_and_what_is_not(city: City) -> None:
    learnt = learn(city, CATALYST, read_saved_text(CATALYST))
    assert learnt.proved == 3
    assert {(one.segment, one.line) for one in learnt.unsaid if "TCP and UDP" in one.why} == {
        ("staff", 114),
        ("guest", 118),
    }
    assert ("pupil", 106, "it asks the source ports 68-68; rules have none") in {
        (one.segment, one.line, one.why) for one in learnt.unsaid
    }
    assert ("pupil", 80) in {(one.segment, one.line) for one in learnt.stateless}
    lines = read_saved_text(CATALYST).splitlines()
    for one in learnt.rules:
        assert "permit" in lines[one.line - 1], one
        assert one.rule.schools is not None
        assert one.rule.schools.ids == ("kw-s01",)


@pytest.mark.parametrize("device", [CATALYST, X530])
def test_the_reference_evaluator_answers_as_the_list_does(city: City, device: str) -> None:
    """Single packets, drawn; what rules cannot say is told by its line and left out."""
    learnt = learn(city, device, read_saved_text(device))
    final, found = apply_learnt(city, learnt), find_device(city, device)
    system = load_platform(found.platform)
    intent = compile_device(city, found, system.capabilities)
    network = read_existing_network(found.platform, read_saved_text(device), device, "x")
    segments = {one.vlan: one.segment for one in intent.intents}
    places = [one.key for one in intent.intents if one.direction is Direction.FROM]
    old = {one.place: one for one in find_old_filters(network, intent.wanted, places, system.capabilities)}
    drawn, asked = random.Random(7), 0  # noqa: S311 no secret
    there = [0x01000001, 0x08080808, 0xCB00710A, 0xC6336414, 0x0AFE000A]
    for place, one in old.items():
        if one.filter is None or place[2] is not Family.V4:
            continue
        segment = segments[place[0]]
        (own,) = city.addresses.source_addresses_in(segment, found.school, Family.V4).included
        for _ in range(60):
            protocol, port = drawn.choice([Protocol.TCP, Protocol.UDP]), drawn.choice([53, 80, 443, 123, 8080])
            destination = drawn.choice(there)
            packet = Packet(Family.V4, protocol, int(own[20]), destination, 50000, port, established=False)
            entry = find_first_entry(one.filter, packet)
            if entry is None or (segment, find_entry_line(entry)) in _partly(learnt):
                continue
            flow = Flow(found.school, segment, Family.V4, protocol, destination, port)
            if any(rule.segment == segment and rule.why.endswith("differ") for rule in learnt.unsaid):
                continue
            asked += 1
            assert evaluate_network(final, flow).permitted is evaluate_filter(one.filter, packet), (
                segment,
                str(packet),
            )
    assert asked > 50


def _partly(learnt: LearntRules) -> set[tuple[str, int]]:
    """Entries of which rules say nothing at all."""
    return {
        (one.segment, one.line) for one in learnt.unsaid if "other than" not in one.why and "addresses" not in one.why
    }


def test_a_list_that_rules_can_say_leaves_nothing_over(city: City) -> None:
    learnt = learn(city, CATALYST, SAYABLE)
    assert (learnt.proved, learnt.unsaid) == (1, ())
    said = [
        (one.line, [str(service) for service in one.application.services], [str(p) for p in one.application.addresses])
        for one in learnt.rules
        if one.application is not None
    ]
    assert said == [(5, ["tcp/443"], ["10.254.0.10/32"]), (6, ["udp/5000-5010"], ["192.0.2.200/32"])]


def test_a_denied_part_of_the_internet_is_named_and_no_part_of_it_any_more(city: City) -> None:
    text = SAYABLE.replace(" deny ip any any log\n", " deny ip any 9.9.9.0 0.0.0.255\n permit tcp any any eq 443\n")
    learnt = learn(city, CATALYST, text)
    ((named, line),) = learnt.named
    assert ([str(one) for one in named.addresses], line) == (["9.9.9.0/24"], 8)
    final, school = apply_learnt(city, learnt), find_device(city, CATALYST).school
    answers = [
        evaluate_network(final, Flow(school, "staff", Family.V4, Protocol.TCP, address, 443)).permitted
        for address in (0x09090901, 0x08080808)
    ]
    assert answers == [False, True]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (" permit tcp host 10.33.0.9 any eq 443\n", "it is for 10.33.0.9/32 only; rules speak of whole segments"),
        (" permit gre any any\n", "rules speak of TCP and UDP"),
        (" permit udp any eq 123 any\n", "it asks the source ports 123-123; rules have none"),
        (
            " deny tcp host 10.33.0.9 any\n permit tcp any any\n",
            "line 8 before it denies a part that rules cannot take out",
        ),
    ],
)
def test_an_entry_that_rules_cannot_say_is_told_with_its_line(city: City, entry: str, why: str) -> None:
    learnt = learn(city, CATALYST, SAYABLE.replace(" deny ip any any log\n", f"{entry} deny ip any any\n"))
    assert [(one.segment, one.line, one.why) for one in learnt.unsaid] == [("staff", 7 + entry.count("\n"), why)]


def test_answers_are_the_stateless_part(city: City) -> None:
    learnt = learn(city, CATALYST, SAYABLE.replace(" deny ip any any log\n", " permit tcp any any established\n"))
    assert ("staff", 8, "answers (established)") in {(one.segment, one.line, one.what) for one in learnt.stateless}
    assert learnt.unsaid == ()


def test_a_rule_that_is_lost_fails_the_proof(city: City) -> None:
    learnt, device = learn(city, CATALYST, SAYABLE), find_device(city, CATALYST)
    system = load_platform("cisco_ios")
    intent = compile_device(city, device, system.capabilities)
    network = read_existing_network("cisco_ios", SAYABLE, CATALYST, "x")
    (old,) = find_old_filters(network, intent.wanted, [(10, Direction.FROM, Family.V4)], system.capabilities)
    whole = apply_learnt(city, learnt)
    prove_learnt_list(whole, device, "staff", old, ())
    news = [one.application for one in learnt.rules if one.application is not None]
    fewer = replace_policy(city, news, [one.rule for one in learnt.rules[1:]])
    with pytest.raises(
        ProofFailed, match=r"the rules learnt for staff are not what IN permits: tcp .* -> 10\.254\.0\.10 port 443"
    ):
        prove_learnt_list(fewer, device, "staff", old, ())


def test_the_file_can_be_copied_into_the_policies(city: City, tmp_path: Path) -> None:
    # Another application at the address of one that is there would need the same segments.
    own = SAYABLE.replace("10.254.0.10", "10.254.0.77")
    text = format_learnt_rules("kw-s01", [learn(city, CATALYST, own)])
    assert f"# {CATALYST}.cfg:5, IN" in text
    read = yaml.safe_load(text)
    folder = PolicyFolder(tmp_path)
    applications, rules = text.partition("applications:\n")[2].split("rules:\n")
    folder.append("access/applications.yaml", applications)
    folder.append("access/rules.yaml", rules)
    loaded = folder.load()
    assert {one["id"] for one in read["rules"]} <= {rule.id for rule in loaded.rules}


def test_the_command_writes_a_new_file_beside_the_policies(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / f"configs/{CATALYST}.cfg").write_text(read_saved_text(CATALYST), encoding="utf-8")
    command = ("adopt", "kw-s01", "--configs", "configs", "--on", "2026-12-01", "--propose-rules", "--policies")
    shipped = str(ROOT / "policies")
    done = here(*command, shipped, "-o", "rules.yaml", cwd=tmp_path)
    assert done.code == Exit.INEXPRESSIBLE, done.errors
    assert (
        "x configs/kw-s01-core1.cfg:114: staff: rules cannot say: icmp to any: rules speak of TCP and UDP" in done.said
    )
    assert "proof: 3 lists are equal to the compiled rules on what was judged" in done.said
    again = here(*command, shipped, "-o", "rules.yaml", cwd=tmp_path)
    assert (again.code, "is there already" in again.errors) == (Exit.FAILED, True)
    inside = here(*command, shipped, "-o", f"{shipped}/access/learnt.yaml", cwd=tmp_path)
    assert (inside.code, "is in the folder of the policies" in " ".join(inside.errors.split())) == (Exit.USAGE, True)
    (tmp_path / f"configs/{CATALYST}.cfg").write_text(SAYABLE, encoding="utf-8")
    good = here(*command, shipped, "-o", "other.yaml", "--json", cwd=tmp_path)
    assert good.code == Exit.GOOD, good.said
    document = json.loads(good.said)
    assert (document["file"], document["rules"], document["proved"], document["unsaid"]) == ("other.yaml", 2, 1, [])
