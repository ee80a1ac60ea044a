"""The DNS probe: how long a name look-up over UDP takes over a line."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

import dns.message
import dns.rcode
import dns.rdatatype

from controller.measure.measurement import MeasurementKind, ProbeResult
from controller.measure.probes.probe_path import ProbePath
from controller.measure.probes.timed_request import DATAGRAM_BYTES, TimedAnswer, WrongAnswer, time_request
from controller.model.measurement import NameTarget
from controller.model.network.packets import Family


@dataclass(frozen=True)
class DnsProbe:
    """The probe for DNS: the time until a name server's answer with an address is here."""

    target: NameTarget
    within: float

    def measure(self, route: ProbePath) -> ProbeResult:
        """Ask the name server at the route's end."""
        shown = f"{route.target} port {self.target.port}"
        wanted = dns.rdatatype.A if route.path.family is Family.V4 else dns.rdatatype.AAAA
        query = dns.message.make_query(self.target.name, wanted)
        method = f"DNS over UDP: {self.target.name} {dns.rdatatype.to_text(wanted)}"

        def ask_name() -> TimedAnswer:
            with route.open_bound_socket(socket.SOCK_DGRAM) as opened:
                opened.settimeout(self.within)
                began = time.perf_counter()
                opened.connect((route.target, self.target.port))
                opened.send(query.to_wire())
                received = opened.recv(DATAGRAM_BYTES)
                seconds = time.perf_counter() - began
            answer = dns.message.from_wire(received)
            if not query.is_response(answer) or answer.rcode() != dns.rcode.NOERROR or not answer.answer:
                said = dns.rcode.to_text(answer.rcode())
                message = f"the name server has no {dns.rdatatype.to_text(wanted)} of {self.target.name} ({said})"
                raise WrongAnswer(message)
            return TimedAnswer(answer.to_text(), seconds)

        return time_request(MeasurementKind.DNS, shown, method, "targets.dns", ask_name)
