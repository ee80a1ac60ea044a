"""What measurements talk to: iperf3, DNS and HTTP at every address of every region on the schools' lines.

Run as `python -m controller.lab.services.probe_responders STATE`. Prints its process number when everything answers.
DNS gives any name the address that was asked; HTTP says which region and line it was asked over. An iperf3 server takes
one test at a time; when it ends, for whatever reason, another is started.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from controller.lab.services.applications import answer_by_address
from controller.lab.services.http_server import open_listener, serve_http
from controller.lab.state import undo_log
from controller.lab.state.dns_delays import find_dns_delay
from controller.lab.state.layout import DNS_PORT, HTTP_PORT, IPERF_PORT, Layout, Listener
from controller.lab.state.processes import wait_until
from controller.platforms.transport import namespace

_TTL = 0
_STALLED_MILLISECONDS = 5000
"""An iperf3 test whose data stand still for so long has lost its line: the server must be free for the next."""
_BETWEEN_SECONDS = 0.2
_START_SECONDS = 10.0
_DNS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ResponderAddress:
    """One address of a region on a kind of line."""

    region: str
    namespace: str
    line: str
    address: str

    @property
    def name(self) -> str:
        """What its HTTP server says."""
        return f"{self.region}/{self.line}"

    def listener(self, port: int) -> Listener:
        """A TCP port of it."""
        return Listener(namespace=self.namespace, address=self.address, port=port, applications=(self.name,))


def list_responder_addresses(layout: Layout) -> Iterator[ResponderAddress]:
    """Every address that is measured against."""
    for region in layout.regions:
        for line, both in region.addresses.items():
            for address in both.by_family.values():
                yield ResponderAddress(region.id, region.namespace, line, address)


def answer_dns_query(query: bytes, address: str) -> bytes:
    """The answer to a DNS query: any name has the address that was asked, in the family of that address.

    Raises:
        dns.exception.DNSException: it is no query.
    """
    asked = dns.message.from_wire(query)
    response = dns.message.make_response(asked, recursion_available=True)
    response.flags |= dns.flags.AA
    kind = dns.rdatatype.AAAA if ":" in address else dns.rdatatype.A
    for question in asked.question:
        if question.rdclass == dns.rdataclass.IN and question.rdtype == kind:
            response.answer.append(dns.rrset.from_text(question.name, _TTL, "IN", kind, address))
    return response.to_wire()


class _OverUdp(asyncio.DatagramProtocol):
    def __init__(self, address: str, state: Path) -> None:
        self._address = address
        self._state = state
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        late = find_dns_delay(self._state, addr[0])
        if late:
            asyncio.get_running_loop().call_later(late, self._answer, data, addr)
        else:
            self._answer(data, addr)

    def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        with suppress(dns.exception.DNSException):  # what is no query gets no answer
            if self._transport is not None:
                self._transport.sendto(answer_dns_query(data, self._address), addr)


def _over_tcp(address: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broken = (OSError, asyncio.IncompleteReadError, TimeoutError, dns.exception.DNSException)
        with suppress(*broken):
            (length,) = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), _DNS_SECONDS))
            text = answer_dns_query(await asyncio.wait_for(reader.readexactly(length), _DNS_SECONDS), address)
            writer.write(struct.pack("!H", len(text)) + text)
            await writer.drain()
        writer.close()

    return one


def _datagrams(where: ResponderAddress, port: int) -> socket.socket:
    def make() -> socket.socket:
        family = socket.AF_INET6 if ":" in where.address else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.bind((where.address, port))
        opened.settimeout(0)
        return opened

    return namespace.run_in_namespace(where.namespace, make)


async def _throughput(where: ResponderAddress) -> None:
    """Keep an iperf3 server running."""
    words = ("iperf3", "--server", "--bind", where.address, "--port", str(IPERF_PORT), "--forceflush")
    limits = ("--rcv-timeout", str(_STALLED_MILLISECONDS), "--snd-timeout", str(_STALLED_MILLISECONDS))
    while True:
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", where.namespace, *words, *limits),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
        await asyncio.sleep(_BETWEEN_SECONDS)  # not faster where it cannot start at all


@asynccontextmanager
async def _beside_http(layout: Layout, state: Path) -> AsyncIterator[None]:
    """Answer DNS and keep an iperf3 server at every address; entered when all of them answer."""
    loop = asyncio.get_running_loop()
    names = []
    for where in list_responder_addresses(layout):
        names.append(await asyncio.start_server(_over_tcp(where.address), sock=open_listener(where.listener(DNS_PORT))))
        await loop.create_datagram_endpoint(partial(_OverUdp, where.address, state), sock=_datagrams(where, DNS_PORT))
    tests = [asyncio.create_task(_throughput(where)) for where in list_responder_addresses(layout)]
    try:
        await loop.run_in_executor(None, _wait_for_throughput, layout)
        yield
    finally:
        for test in tests:
            test.cancel()
        await asyncio.gather(*tests, return_exceptions=True)
        for server in names:
            server.close()


def _wait_for_throughput(layout: Layout) -> None:
    for where in list_responder_addresses(layout):
        if not wait_until(partial(_listens, where), _START_SECONDS):
            sys.exit(f"iperf3 does not listen at {where.address} of {where.region}")


def _listens(where: ResponderAddress) -> bool:
    """Whether the port is taken: to connect would count as a test."""
    try:
        with namespace.open_stream_socket(where.namespace, where.address) as opened:
            opened.bind((where.address, IPERF_PORT))
    except OSError:
        return True
    return False


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read_record(state)
    if record is None:
        sys.exit(f"no lab in {state}")
    listeners = [where.listener(HTTP_PORT) for where in list_responder_addresses(record.layout)]
    serve_http(answer_by_address(listeners), map(open_listener, listeners), beside=_beside_http(record.layout, state))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
