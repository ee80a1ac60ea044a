"""What is asked at the other end: name servers, pages, and the server that throughput is measured against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from controller.measure.diagnosis import limits
from controller.measure.diagnosis.causes import Cause, Fact, Finding, Proof
from controller.measure.diagnosis.evidence import Answer, PathEvidence, Reading, SchoolEvidence
from controller.measure.measurement import MeasurementId

_FEW = 4
"""Of so many look-ups one may be lost without being the name server's fault."""
Asked = tuple[PathEvidence, Reading]


def find_service_faults(school: SchoolEvidence, *, loses: bool, swallows: bool) -> Iterator[Finding]:
    """Services that do not answer, or late, over lines that are alive.

    `loses`: a line loses packets, so one missing answer is its doing. `swallows`: a line swallows large packets, so a
    page or a test that stands still is its doing.
    """
    alive = [one for one in school.paths if one.alive]
    names = [(one, one.dns) for one in alive if one.dns is not None]
    yield from _find_dead(names, Cause.DNS_DOWN, loses=loses)
    yield from _find_slow_names(names)
    if not swallows:
        pages = [(one, one.http) for one in alive if one.http is not None]
        yield from _find_dead(pages, Cause.PAGE, loses=loses)
        yield from _find_dead_test_server(alive)


def _find_dead(asked: Sequence[Asked], cause: Cause, *, loses: bool) -> Iterator[Finding]:
    missing = [one for one in asked if one[1].answer is not Answer.ANSWERED]
    if not missing:
        return
    if len(missing) == len(asked):
        yield Finding(_alone(cause, asked), "", (_describe(cause, missing),))
        return
    for region in dict.fromkeys(path.region for path, _ in asked):
        there = [one for one in asked if one[0].region == region]
        if len(there) > 1 and all(one in missing for one in there):
            yield Finding((cause,), region, (_describe(cause, there),))
            missing = [one for one in missing if one not in there]
    for line in dict.fromkeys(path.line for path, _ in asked):
        there = [one for one in asked if one[0].line == line]
        if len(there) > 1 and all(one in missing for one in there):
            # The same server answers over another line: something on this line keeps the packets back.
            yield Finding((Cause.LINE_ROUTE, cause), line, (_describe(cause, there),))
            missing = [one for one in missing if one not in there]
    refused = [one for one in missing if one[1].answer is Answer.REFUSED]
    if refused:  # a refusal is never a lost packet
        yield Finding((cause,), refused[0][0].region, (_describe(cause, refused),))
    elif missing and not loses and (len(asked) < _FEW or len(missing) > 1):
        yield Finding((cause, Cause.LINE_LOSS), "", (_describe(cause, missing),))


def _alone(cause: Cause, asked: Sequence[Asked]) -> tuple[Cause, ...]:
    """One unanswered look-up may be one lost packet; several are none."""
    lost = len(asked) == 1 and asked[0][1].answer is Answer.SILENT
    return (cause, Cause.LINE_LOSS) if lost else (cause,)


def _find_slow_names(asked: Sequence[Asked]) -> Iterator[Finding]:
    late = {path: found for path, reading in asked if (found := _server_ms(path, reading)) is not None}
    if not late:
        return
    slow = {path for path, took in late.items() if took >= limits.DNS_FROM_MS}
    middle = median(late.values())
    numbers = tuple(number for path, reading in asked if path in slow for number in reading.measurements)
    regions: dict[str, list[float]] = {}
    for path, took in late.items():
        regions.setdefault(path.region, []).append(took)
    behind = {one: there for one, there in regions.items() if len(there) > 1 and min(there) >= limits.DNS_FROM_MS}
    if middle >= limits.DNS_FROM_MS and (len(behind) == len(regions) or {path.region for path in slow} - behind.keys()):
        yield Finding((Cause.DNS_SLOW,), "", (_slow_names(middle, numbers),))
        return
    for region, there in behind.items():
        yield Finding((Cause.DNS_SLOW,), region, (_slow_names(median(there), numbers),))


def _server_ms(path: PathEvidence, reading: Reading) -> float | None:
    """How long the server took: the look-up less the round trip of the line."""
    if reading.answer is not Answer.ANSWERED or reading.value is None:
        return None
    round_trip = path.echo.value if path.echo is not None and path.echo.value is not None else 0.0
    return reading.value - round_trip


def _slow_names(milliseconds: float, numbers: tuple[MeasurementId, ...]) -> Proof:
    return Proof(Fact.SERVICE, {"service": "DNS", "answer": f"{milliseconds:.0f} ms"}, numbers)


def _find_dead_test_server(alive: Sequence[PathEvidence]) -> Iterator[Finding]:
    regions = list(dict.fromkeys(one.region for one in alive))
    found = [one for region in regions if (one := _find_dead_test(region, alive)) is not None]
    if len(regions) > 1 and len(found) == len(regions) and len({one.causes for one in found}) == 1:
        yield Finding(found[0].causes, "", tuple(proof for one in found for proof in one.proofs))
    else:
        yield from found


def _find_dead_test(region: str, alive: Sequence[PathEvidence]) -> Finding | None:
    there = [one for one in alive if one.region == region]
    tests = [(one, read) for one in there for read in (one.download, one.upload) if read is not None]
    missing = [one for one in tests if one[1].answer is not Answer.ANSWERED]
    if not missing:
        return None
    proofs = (_describe(Cause.TEST_SERVER, missing),)
    if any(read.answer is Answer.REFUSED for _, read in missing):
        return Finding((Cause.TEST_SERVER,), region, proofs)
    tested = {path.line for path, read in tests if read.answer is Answer.ANSWERED}
    lines = sorted({path.line for path, _ in missing})
    if tested and tested.isdisjoint(lines):
        return Finding((Cause.LINE_ROUTE, Cause.LINE_LOSS, Cause.PATH_MTU), lines[0], proofs)
    return Finding(_why_no_test(there, tests, missing), region, proofs)


def _why_no_test(there: Sequence[PathEvidence], tests: Sequence[Asked], missing: Sequence[Asked]) -> tuple[Cause, ...]:
    if len(missing) < len(tests):
        return (Cause.TEST_SERVER, Cause.LINE_LOSS)
    page = any(one.http is not None and one.http.answer is Answer.ANSWERED for one in there)
    large = any(one.path_mtu is not None and (one.path_mtu.value or 0) >= limits.LEAST_MTU for one in there)
    return (Cause.TEST_SERVER,) if page and large else (Cause.TEST_SERVER, Cause.PATH_MTU)


def _describe(cause: Cause, asked: Sequence[Asked]) -> Proof:
    service = {Cause.DNS_DOWN: "DNS", Cause.PAGE: "HTTP", Cause.TEST_SERVER: "iperf3"}[cause]
    answers = ", ".join(dict.fromkeys(str(reading.answer) for _, reading in asked))
    numbers = tuple(number for _, reading in asked for number in reading.measurements)
    return Proof(Fact.SERVICE, {"service": service, "answer": answers}, numbers)
