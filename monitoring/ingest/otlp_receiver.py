"""OTLP/HTTP from senders that show a token: protobuf or JSON, gzip, bounded; acknowledged when it is on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import zlib
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from controller.telemetry.probe_words import parse_probe_word
from controller.telemetry.registry import FOREIGN, SIGNAL
from monitoring.city_state.monitor import Monitor
from monitoring.ingest.answers import JSON, PROTOBUF, answer_refusal, answer_taken
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.client_certificates import CLIENT_CERTIFICATE
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.ingest.sender_tokens import SenderTokens
from monitoring.limits import LEAST_UNPACKED, MOST_DECODED, MOST_RATIO, MOST_SENT, MOST_UNPACKED
from monitoring.timeseries.records import MalformedRequest, TelemetryBatch
from monitoring.timeseries.store_writer import StoreBusy

_LONGEST_LENGTH = 20
"""Digits of a length that is worth reading as a number."""


class RequestTooLarge(Exception):
    """More than the monitor takes at once."""


def build_receiver_routes(monitor: Monitor, tokens: SenderTokens) -> list[BaseRoute]:
    """A path for each signal."""
    decoding = asyncio.Semaphore(MOST_DECODED)

    async def take(request: Request) -> Response:
        signal = request.path_params["signal"]
        if signal not in SIGNAL.values:
            return _refuse(request, "the paths are /v1/traces, /v1/metrics and /v1/logs", 404)
        sender = tokens.find_sender(request.headers.getlist("authorization"))
        if sender is None:
            # Before a byte of the body is read: whoever is not known costs nothing.
            monitor.refuse(signal, "no-token")
            headers = {"WWW-Authenticate": "Bearer"}
            return _refuse(request, "show the token of a controller or a probe", 401, headers)
        shown = request.scope.get(CLIENT_CERTIFICATE)
        if shown is not None and (fault := tokens.find_certificate_fault(sender, shown)) is not None:
            monitor.refuse(signal, "no-certificate")
            return _refuse(request, fault, 403)
        now = time.time()
        skew = parse_probe_word(sender.school, request.headers.get, now).skew if sender.school else None
        arrival = Arrival(sender.writer, monitor.names, now, sender.school, skew)
        if sender.school and tokens.schools is not None:
            tokens.schools.listener.hear(sender.school, request.headers.get, arrival.at)
        return await _take(monitor, signal, request, arrival, decoding)

    return [Route("/v1/{signal}", take, methods=["POST"])]


async def _take(
    monitor: Monitor, signal: str, request: Request, arrival: Arrival, decoding: asyncio.Semaphore
) -> Response:
    refused = _unsupported(request)
    if refused is not None:
        monitor.refuse(signal, "malformed")
        return refused
    try:
        packed = await _read_packed(request)
        is_gzip = request.headers.get("content-encoding", "identity").lower() == "gzip"
        async with decoding:  # not on the loop: pages are answered meanwhile
            is_json = _read_media_type(request) == JSON
            batch = await asyncio.to_thread(_decode, signal, packed, arrival, is_gzip=is_gzip, is_json=is_json)
        batch.refused.update(await monitor.keep(batch))
    except RequestTooLarge as error:
        monitor.refuse(signal, "too-large")
        return _refuse(request, str(error), 413)
    except MalformedRequest as error:
        monitor.refuse(signal, "malformed")
        return _refuse(request, str(error), 400)
    except (StoreBusy, sqlite3.Error):
        monitor.refuse(signal, "busy")
        return _refuse(request, "the store does not keep up or cannot be written", 503, {"Retry-After": "1"})
    except ClientDisconnect:
        return Response(status_code=400)
    if batch.refused.total():  # a metric without points is nothing that was refused
        monitor.refuse(signal, "unknown")
    elif batch.foreign.total():
        monitor.refuse(signal, FOREIGN)
    return answer_taken(signal, batch, _read_media_type(request))


def _refuse(request: Request, reason: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return answer_refusal(reason, status, _read_media_type(request), headers)


def _read_media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _unsupported(request: Request) -> Response | None:
    kind = _read_media_type(request)
    if kind not in (PROTOBUF, JSON):
        shown = kind[:80] or "without a content type"
        return _refuse(request, f"send OTLP as {PROTOBUF} or {JSON}, not {shown}", 415)
    if request.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
        return _refuse(request, "the encodings are gzip and identity", 415, {"Accept-Encoding": "gzip"})
    return None


def _decode(signal: str, packed: bytes, arrival: Arrival, *, is_gzip: bool, is_json: bool) -> TelemetryBatch:
    return decode_request(signal, _unpacked(packed) if is_gzip else packed, arrival, is_json=is_json)


async def _read_packed(request: Request) -> bytes:
    """The body as it was sent.

    Raises:
        RequestTooLarge: it is larger than the limit.
    """
    packed = bytearray()
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > _LONGEST_LENGTH or int(declared) > MOST_SENT):
        message = f"a request has at most {MOST_SENT} bytes"
        raise RequestTooLarge(message)
    async for chunk in request.stream():
        packed += chunk
        if len(packed) > MOST_SENT:
            message = f"a request has at most {MOST_SENT} bytes"
            raise RequestTooLarge(message)
    return bytes(packed)


def _unpacked(packed: bytes) -> bytes:
    """The content of a gzip.

    Raises:
        RequestTooLarge: it is larger than the limits.
        MalformedRequest: it is no whole gzip.
    """
    most = min(MOST_UNPACKED, max(LEAST_UNPACKED, MOST_RATIO * len(packed)))
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = unpacking.decompress(packed, most)
    except zlib.error:
        message = "the body is no gzip"
        raise MalformedRequest(message) from None
    if unpacking.unconsumed_tail:
        message = (
            f"an unpacked request has at most {MOST_UNPACKED} bytes, and {MOST_RATIO} times those of the packed one"
        )
        raise RequestTooLarge(message)
    if not unpacking.eof or unpacking.unused_data:
        message = "the body is no whole gzip"
        raise MalformedRequest(message)
    return body
