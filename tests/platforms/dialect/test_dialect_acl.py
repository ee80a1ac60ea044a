"""Access lists by a grammar: every edge of what an entry can say, written and read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import Entry, build_device_state, build_filter
from controller.model.network.packets import ANY_PORTS, Direction, Effect, Family, Match, Ports, Protocol, parse_prefix
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS as AWPLUS
from controller.platforms.cisco_ios.acl import ACCESS_LISTS as IOS
from controller.platforms.dialect.acl import AclGrammar, AddressForm, read_entry, read_filter, write_entry, write_filter
from controller.platforms.dialect.blocks import Layout, Reading, read_blocks
from tests.platforms.states import everything

V4, V6 = Family.V4, Family.V6
ALL = {family: family.everything for family in Family}


def entry(
    protocol: int | None, source: Ports = ANY_PORTS, destination: Ports = ANY_PORTS, family: Family = V4
) -> Entry:
    return Entry(Effect.PERMIT, Match(family, protocol, ALL[family], ALL[family], source, destination))


EDGES = [
    (IOS, entry(None), "permit ip any any"),
    (IOS, entry(1, destination=(0, 0)), "permit icmp any any echo-reply"),
    (IOS, entry(1, destination=(255, 255)), "permit icmp any any 255"),
    (IOS, entry(58, destination=(128, 128), family=V6), "permit icmp any any echo-request"),
    (IOS, entry(255), "permit 255 any any"),
    (IOS, entry(2), "permit igmp any any"),
    (IOS, entry(58), "permit 58 any any"),
    (IOS, entry(6, (0, 0), (65535, 65535)), "permit tcp any eq 0 any eq 65535"),
    (IOS, entry(6, (1, 65535), (0, 65534)), "permit tcp any range 1 65535 any range 0 65534"),
    (IOS, entry(6, (80, 80), (80, 81)), "permit tcp any eq www any range www 81"),
    (IOS, entry(17, destination=(53, 53)), "permit udp any any eq domain"),
    (AWPLUS, entry(6, destination=(80, 80)), "permit tcp any any eq 80 vlan 20"),
    (AWPLUS, entry(1, destination=(0, 0)), "permit icmp any any icmp-type 0 vlan 20"),
    (AWPLUS, entry(1, destination=(255, 255)), "permit icmp any any icmp-type 255 vlan 20"),
    (AWPLUS, entry(1), "permit icmp any any vlan 20"),
    (AWPLUS, entry(255), "permit proto 255 any any vlan 20"),
    (AWPLUS, entry(58), "permit proto 58 any any vlan 20"),
    (AWPLUS, entry(58, family=V6), "permit icmp any any vlan 20"),
    (AWPLUS, entry(None, family=V6), "permit ipv6 any any vlan 20"),
]


@pytest.mark.parametrize(("grammar", "one", "written"), EDGES)
def test_the_edges_are_written_and_read(grammar: AclGrammar, one: Entry, written: str) -> None:
    assert write_entry(grammar, one, 20) == written
    read = read_entry(grammar, written, one.match.family, 20, "here")
    assert read == one
    assert read.origin == "here"


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (entry(0), "a protocol is a number from 1 to 255"),
        (entry(256), "a protocol is a number from 1 to 255"),
        (entry(1, destination=(256, 256)), "names one of 0 to 255"),
        (entry(1, destination=(-1, -1)), "names one of 0 to 255"),
        (entry(1, destination=(3, 4)), "names one of 0 to 255"),
        (entry(58, destination=(3, 3)), "only ICMP has types"),
        (entry(1, source=(3, 3)), "only TCP and UDP have source ports"),
        (entry(6, source=(-1, 3)), "ports run from 0 to 65535"),
        (entry(17, destination=(3, 65536)), "ports run from 0 to 65535"),
        (entry(6, source=(4, 3)), "ports run from 0 to 65535"),
        (Entry(Effect.PERMIT, Match(V4, 17, ALL[V4], ALL[V4], established=True)), "can be established|established"),
        (Entry(Effect.PERMIT, Match(V4, None, ALL[V4], ALL[V4], established=True)), "can be established|established"),
    ],
)
@pytest.mark.parametrize("grammar", [IOS, AWPLUS])
def test_what_an_entry_cannot_say_is_refused_by_name(grammar: AclGrammar, one: Entry, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        write_entry(grammar, one, 20)
    assert str(refused.value).startswith(f"{grammar.title}: ")
    assert str(refused.value).endswith(str(one))


@pytest.mark.parametrize(
    ("grammar", "network", "written"),
    [
        (IOS, "10.1.0.0/16", "10.1.0.0 0.0.255.255"),
        (IOS, "10.1.2.3/32", "host 10.1.2.3"),
        (IOS, "128.0.0.0/1", "128.0.0.0 127.255.255.255"),
        (IOS, "10.1.2.2/31", "10.1.2.2 0.0.0.1"),
        (IOS, "0.0.0.0/0", "any"),
        (IOS, "2001:db8::/32", "2001:DB8::/32"),
        (IOS, "2001:db8::a/128", "host 2001:DB8::A"),
        (AWPLUS, "10.1.0.0/16", "10.1.0.0/16"),
        (AWPLUS, "10.1.2.3/32", "10.1.2.3/32"),
        (AWPLUS, "2001:db8::a/128", "2001:db8::a/128"),
        (
            replace(AWPLUS, addresses={V4: (AddressForm.LENGTH,), V6: (AddressForm.LENGTH,)}),
            "10.0.0.1/32",
            "10.0.0.1/32",
        ),
    ],
)
def test_addresses_in_the_forms_of_the_grammar(grammar: AclGrammar, network: str, written: str) -> None:
    found = parse_prefix(network)
    family = Family(found.version)
    one = Entry(Effect.FORBID, Match(family, None, found, ALL[family]))
    every = next(iter(grammar.protocols[family]))
    end = " vlan 20" if grammar.vlan_word else ""
    assert write_entry(grammar, one, 20) == f"deny {every} {written} any{end}"
    assert read_entry(grammar, f"deny {every} {written} any{end}", family, 20, "") == one


@pytest.mark.parametrize(
    ("grammar", "family", "written", "said"),
    [
        (
            IOS,
            V4,
            "permit ip 10.0.0.0/8 any",
            "unknown address '10.0.0.0/8' 'any'; expected any, host ADDRESS, ADD",
        ),
        (IOS, V6, "permit ipv6 10.0.0.0/8 any", "expected IPv6"),
        (IOS, V6, "permit ipv6 2001:db8::1/32 any", "no host bits"),
        (IOS, V4, "permit ip any", "unknown address 'the end of the line'"),
        (IOS, V4, "permit", "expected a protocol: 1 to 255, ahp"),
        (IOS, V4, "permit 256 any any", "unknown word '256'"),
        (IOS, V4, "permit 0 any any", "unknown word '0'"),
        (IOS, V4, "permit tcp any eq 65536 any", "unknown word '65536'; expected a port: 0 to 65535"),
        (IOS, V4, "permit tcp any gt 65535 any", "the ports after 'gt' name none"),
        (IOS, V4, "permit tcp any lt 0 any", "the ports after 'lt' name none"),
        (IOS, V4, "permit tcp any range 9 8 any", "the ports after 'range' name none"),
        (IOS, V4, "permit icmp any any 256", "expected an ICMP type without a code: 0 to 255"),
        (IOS, V4, "permit icmp any eq 3 any", "unknown address 'eq' '3'"),
        (
            IOS,
            V4,
            "permit tcp any any established established",
            "'established'; expected eq, range, gt, lt, est",
        ),
        (IOS, V4, "permit udp any any established", "unknown word 'established'"),
        (IOS, V4, "permit gre any any x", "unknown word 'x'; expected the end of the line"),
        (AWPLUS, V4, "permit 6 any any vlan 20", "expected ip or tcp or udp or icmp or proto"),
        (AWPLUS, V4, "permit proto tcp any any vlan 20", "expected a protocol: 1 to 255"),
        (AWPLUS, V4, "permit icmp any any 8 vlan 20", "expected vlan 20, which this list is for"),
        (AWPLUS, V4, "permit ip any any vlan 21", "expected vlan 20, which this list is for"),
        (AWPLUS, V4, "permit tcp any any vlan 20 x", "unknown word 'x'; expected the end of the line"),
        (AWPLUS, V6, "permit ipv6 any 10.0.0.0/8 vlan 20", "expected IPv6"),
    ],
)
def test_an_unknown_word_is_told_with_what_was_expected(
    grammar: AclGrammar, family: Family, written: str, said: str
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_entry(grammar, written, family, 20, "")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("written", "source", "destination"),
    [
        ("permit tcp any gt 65534 any lt 1", (65535, 65535), (0, 0)),
        ("permit tcp any range 7 7 any gt 0", (7, 7), (1, 65535)),
        ("permit tcp any lt 65535 any eq 0", (0, 65534), (0, 0)),
    ],
)
def test_operators_of_ports(written: str, source: Ports, destination: Ports) -> None:
    match = read_entry(IOS, written, V4, 20, "").match
    assert (match.source_ports, match.destination_ports) == (source, destination)
    assert not match.established
    assert read_entry(IOS, f"{written} established", V4, 20, "").match.established


def test_a_form_that_is_read_and_not_written() -> None:
    written = "permit ip 10.0.0.0 0.0.255.255 host 10.9.9.9 vlan 20"
    match = read_entry(AWPLUS, written, V4, 20, "").match
    assert (str(match.source), str(match.destination)) == ("10.0.0.0/16", "10.9.9.9/32")


def read(grammar: AclGrammar, family: Family, *lines: str) -> list[int | None]:
    """The protocols of the entries of a list that is read."""
    header = f"{grammar.lists[family]} TSN-20-from-{int(family)}-01234567"
    text = "\n ".join((header, *lines))
    (block,) = read_blocks(text, Layout())[1]
    reading = Reading("x")
    one = read_filter(grammar, reading, block, family)
    assert one is not None
    everyone = read_blocks(text, Layout())[0]

    assert reading.observe(everyone, build_device_state(filters=[one])).managed == len(lines) + 1
    return [each.match.protocol for each in one.entries]


def test_numbers_and_remarks() -> None:
    assert read(IOS, V4, "10 permit tcp any any", "remark why", "20 remark that", "deny ip any any") == [6, None]
    assert read(IOS, V6, "sequence 10 permit tcp any any", "permit udp any any sequence 20", "deny ipv6 any any") == [
        6,
        17,
        None,
    ]
    assert read(AWPLUS, V4, "1 permit tcp any any vlan 20", "deny ip any any vlan 20") == [6, None]


@pytest.mark.parametrize(
    ("grammar", "family", "lines", "said"),
    [
        (IOS, V4, ("10 permit tcp any any", "10 deny ip any any"), "x:3: the sequence number 10 does not ascend"),
        (IOS, V4, ("10 permit tcp any any", "9 deny ip any any"), "x:3: the sequence number 9 does not ascend"),
        (IOS, V4, ("0 deny ip any any",), "x:2: the sequence number 0 does not ascend"),
        (IOS, V4, ("sequence 10 deny ip any any",), "unknown word 'sequence'"),
        (IOS, V6, ("10 deny ipv6 any any",), "unknown word '10'"),
        (IOS, V6, ("sequence 10 deny ipv6 any any sequence 20",), "unknown word 'sequence'"),
        (AWPLUS, V4, ("remark why", "deny ip any any vlan 20"), "unknown word 'remark'"),
        (IOS, V4, ("permit tcp any any",), "x:2: TSN-20-from-4-01234567 must end in an entry that covers everything"),
        (IOS, V4, (), "x:1: TSN-20-from-4-01234567 must end in an entry that covers everything; an empty list permits"),
        (IOS, V4, ("deny ip any any", "permit tcp any any"), "x:3: TSN-20-from-4-01234567 must end"),
    ],
)
def test_a_list_that_is_not_as_it_must_be(
    grammar: AclGrammar, family: Family, lines: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigRefused) as refused:
        read(grammar, family, *lines)
    assert said in str(refused.value)


def test_a_list_is_written_with_its_numbers() -> None:
    one = build_filter(20, Direction.FROM, V4, [entry(6), everything(V4)])
    assert write_filter(AWPLUS, one)[1:] == ["10 permit tcp any any vlan 20", "20 deny ip any any vlan 20"]
    assert write_filter(IOS, one) == [f"ip access-list extended {one.name}", "permit tcp any any", "deny ip any any"]


def test_a_grammar_in_which_an_address_could_not_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="Cisco IOS: IPv4 needs a form for prefixes"):
        replace(IOS, addresses={V4: (AddressForm.HOST,), V6: (AddressForm.LENGTH,)})
    with pytest.raises(ValueError, match="Cisco IOS: IPv6 has no wildcard masks"):
        replace(IOS, addresses={V4: (AddressForm.WILDCARD,), V6: (AddressForm.WILDCARD,)})
    assert Protocol.TCP in replace(AWPLUS, title="X").ports
