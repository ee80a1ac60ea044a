from __future__ import annotations

import dns.exception
import dns.message
import dns.rdatatype
import pytest

from controller.lab.services.probe_responders import answer_dns_query, list_responder_addresses
from controller.lab.state.layout_planning import plan_layout
from controller.model.network.packets import Family
from controller.model.virtual_city import VirtualCity


@pytest.mark.parametrize(
    ("address", "asked", "other"),
    [("100.64.0.1", dns.rdatatype.A, dns.rdatatype.AAAA), ("fd74::1", dns.rdatatype.AAAA, dns.rdatatype.A)],
)
def test_any_name_has_the_address_that_was_asked(
    address: str, asked: dns.rdatatype.RdataType, other: dns.rdatatype.RdataType
) -> None:
    query = dns.message.make_query("school.example", asked)
    response = dns.message.from_wire(answer_dns_query(query.to_wire(), address))
    assert query.is_response(response)
    assert [str(record) for found in response.answer for record in found] == [address]
    empty = dns.message.from_wire(answer_dns_query(dns.message.make_query("school.example", other).to_wire(), address))
    assert not empty.answer


def test_what_is_no_query_is_refused() -> None:
    with pytest.raises(dns.exception.DNSException):
        answer_dns_query(b"\0" * 5, "100.64.0.1")


def test_every_region_answers_on_every_line_in_both_families(city: VirtualCity) -> None:
    found = {(one.region, one.line, one.address) for one in list_responder_addresses(plan_layout(city, 1))}
    wanted = {
        (region.id, line, str(city.lines.region_address(region, line, family)))
        for line, region in city.lines.list_paths()
        for family in Family
    }
    assert found == wanted
