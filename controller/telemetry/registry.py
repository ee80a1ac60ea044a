"""Every metric of Tsunagu, once: instruments, views, `/metrics`, the page and the alert rules take it from here.

A name is OpenTelemetry's (`tsunagu.line.throughput`); `Metric.prometheus` is what the official translation makes of it
(`tsunagu_line_throughput_bit_per_second`), so a value has one name whichever way it is collected. Units are base units:
seconds, and bits per second as contracts for lines have them. A ratio has the unit "1" and a name that ends in
`.ratio`; a count of things has an annotation (`{device}`), which no name shows.
The semantic conventions' `dns.lookup.duration` and `http.client.request.duration` are histograms of a client's own
work. Ours are gauges of a probe, so they may not have these names; they have the conventions' words and unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# fmt: off
# isort: off
from controller.telemetry.event_kinds import EVENT_WRITERS, EventKind
from controller.telemetry.metric_attributes import (
    CERTIFICATE, CLAUSE, DIRECTION, FAMILY, FOREIGN, LINE, MOST_REGIONS, MOST_SCHOOLS, OUTCOME, PATH, REASON, REGION,
    RESULT, SCHOOL, SENDER, SIGNAL, TASK, UPLINK,
)
from controller.telemetry.metric_form import (
    ANYBODY, CONTROLLER_ONLY, DAY, HOUR, MINUTE, NOBODY, PROBE_ONLY, Attribute, InstrumentKind, Metric, Writer,
)
from controller.telemetry.monitor_metrics import (
    MONITOR_CPU, MONITOR_MEMORY, MONITOR_PAGE_FAULT, MONITOR_READERS, MONITOR_REFUSED, MONITOR_STORE_FAULT,
    MONITOR_STORE_SIZE, SENDER_CLOCK_SKEW,
)

__all__ = [
    "ANYBODY", "CERTIFICATE", "CLAUSE", "CONTROLLER_ONLY", "DAY", "DIRECTION", "EVENT_WRITERS", "FAMILY", "FOREIGN",
    "HOUR", "LINE", "MINUTE", "MONITOR_CPU", "MONITOR_MEMORY", "MONITOR_PAGE_FAULT", "MONITOR_READERS",
    "MONITOR_REFUSED", "MONITOR_STORE_FAULT", "MONITOR_STORE_SIZE", "MOST_REGIONS", "MOST_SCHOOLS", "NOBODY", "OUTCOME",
    "PATH", "PROBE_ONLY", "REASON", "REGION", "RESULT", "SCHOOL", "SENDER", "SENDER_CLOCK_SKEW", "SIGNAL", "TASK",
    "UPLINK", "Attribute", "EventKind", "InstrumentKind", "Metric", "Writer",
]
# isort: on
# fmt: on
# Metrics' form and attributes, the monitor's own metrics and events stand in files of their own; who asks the registry
# asks for these here, too.

ROUNDS = 150
"""A school's own probe looks at its lines every minute; what it said stands until it has missed a round for sure."""

LINE_THROUGHPUT = Metric(
    "tsunagu.line.throughput",
    InstrumentKind.GAUGE,
    "bit/s",
    "what a line carried in a test of its throughput",
    (*PATH, DIRECTION),
    fresh=7 * DAY,
    history=True,
)
LINE_THROUGHPUT_LIMIT = Metric(
    "tsunagu.line.throughput.limit",
    InstrumentKind.GAUGE,
    "{limit}",
    "what held a probe's test of throughput back: 0 the line itself, 1 loss, 2 delay; as of a test by HTTPS",
    (*PATH, DIRECTION),
    fresh=7 * DAY,
    history=True,
)
LINE_HTTPS_THROUGHPUT = Metric(
    "tsunagu.line.https.throughput",
    InstrumentKind.GAUGE,
    "bit/s",
    "what a line carried in a test by HTTPS streams, where iperf3 cannot be; never one series with iperf3's",
    (*PATH, DIRECTION),
    fresh=7 * DAY,
    history=True,
)
LINE_HTTPS_LIMIT = Metric(
    "tsunagu.line.https.limit",
    InstrumentKind.GAUGE,
    "{limit}",
    "what held the test by HTTPS back: 0 the line itself, 1 loss, 2 delay; of 1 and 2 the line's capacity is not known",
    (*PATH, DIRECTION),
    fresh=7 * DAY,
    history=True,
)
UPLINK_TRAFFIC = Metric(
    "tsunagu.uplink.traffic",
    InstrumentKind.GAUGE,
    "bit/s",
    "what an uplink carried between two readings of its counters: everybody's traffic",
    (SCHOOL, UPLINK, DIRECTION),
    fresh=HOUR,
)
UPLINK_USED = Metric(
    "tsunagu.uplink.used.ratio",
    InstrumentKind.GAUGE,
    "1",
    "what an uplink carried of what it can: its contract, or its port's speed where that is less",
    (SCHOOL, UPLINK, DIRECTION),
    fresh=HOUR,
)
UPLINK_LOST = Metric(
    "tsunagu.uplink.lost",
    InstrumentKind.GAUGE,
    "{packet}",
    "packets that an uplink counted as wrong or threw away between two readings of its counters",
    (SCHOOL, UPLINK, DIRECTION),
    fresh=HOUR,
)
LINE_LATENCY = Metric(
    "tsunagu.line.latency",
    InstrumentKind.GAUGE,
    "s",
    "round trip over a line to a region",
    PATH,
    fresh=5 * MINUTE,
    history=True,
)
LINE_JITTER = Metric(
    "tsunagu.line.jitter",
    InstrumentKind.GAUGE,
    "s",
    "how much the round trip varies",
    PATH,
    fresh=5 * MINUTE,
    history=True,
)
LINE_LOSS = Metric(
    "tsunagu.line.loss.ratio",
    InstrumentKind.GAUGE,
    "1",
    "share of the packets that got no answer",
    PATH,
    fresh=5 * MINUTE,
    history=True,
)
LINE_UP = Metric(
    "tsunagu.line.up",
    InstrumentKind.GAUGE,
    "{line}",
    "1: the line answers, 0: it does not",
    (SCHOOL, LINE),
    fresh=ROUNDS,
    periods=True,
)
LINE_LAST_HEARD = Metric(
    "tsunagu.line.last.heard",
    InstrumentKind.GAUGE,
    "s",
    "when the monitor last heard whether a line answers, in seconds since 1970; what it serves of the line is as old",
    (SCHOOL, LINE),
    fresh=400 * DAY,
    writers=NOBODY,
    moment=True,
)
LINE_SLOW = Metric(
    "tsunagu.line.slow",
    InstrumentKind.GAUGE,
    "{line}",
    "1: the line answers, and every round trip over it takes longer than the policy allows, 0: not so",
    (SCHOOL, LINE),
    fresh=ROUNDS,
)
LINE_FLAPPING = Metric(
    "tsunagu.line.flapping",
    InstrumentKind.GAUGE,
    "{line}",
    "1: the line goes down and comes back again and again, 0: it does not",
    (SCHOOL, LINE),
    fresh=ROUNDS,
)
PATH_UP = Metric(
    "tsunagu.path.up",
    InstrumentKind.GAUGE,
    "{path}",
    "1: the region answers over this line in this family, 0: it does not",
    PATH,
    fresh=ROUNDS,
    periods=True,
)
PATH_ECHOES = Metric(
    "tsunagu.path.echoes",
    InstrumentKind.GAUGE,
    "{echo}",
    "how many echoes the loss of this path was counted over; with none of n lost, the loss is below 3/n",
    PATH,
    fresh=5 * MINUTE,
)
DNS_UP = Metric(
    "tsunagu.dns.up",
    InstrumentKind.GAUGE,
    "{target}",
    "1: a name server answers over this line in this family, 0: none does",
    (SCHOOL, LINE, FAMILY),
    fresh=HOUR,
    periods=True,
)
HTTP_UP = Metric(
    "tsunagu.http.up",
    InstrumentKind.GAUGE,
    "{target}",
    "1: a page answers over this line in this family, 0: none does",
    (SCHOOL, LINE, FAMILY),
    fresh=HOUR,
    periods=True,
)
BANDWIDTH_MEASURED = Metric(
    "tsunagu.school.bandwidth.measured",
    InstrumentKind.GAUGE,
    "bit/s",
    "what a school was measured to have; this is what is assessed",
    (SCHOOL,),
    fresh=7 * DAY,
    history=True,
)
BANDWIDTH_RECOMMENDED = Metric(
    "tsunagu.school.bandwidth.recommended",
    InstrumentKind.GAUGE,
    "bit/s",
    "what is recommended for a school of its number of pupils",
    (SCHOOL,),
    fresh=7 * DAY,
)
BANDWIDTH_ASSESSMENT = Metric(
    "tsunagu.school.assessment",
    InstrumentKind.GAUGE,
    "{assessment}",
    "0: not measured, 1: below the recommendation, 2: within the method's error, 3: meets it",
    (SCHOOL,),
    fresh=7 * DAY,
)
UPLOAD_ASSESSMENT = Metric(
    "tsunagu.school.upload.assessment",
    InstrumentKind.GAUGE,
    "{assessment}",
    "the upload against its share of the recommendation: 0 not measured, 1 below, 2 within the method's error, 3 meets",
    (SCHOOL,),
    fresh=7 * DAY,
)
DNS_DURATION = Metric(
    "tsunagu.dns.duration",
    InstrumentKind.GAUGE,
    "s",
    "how long a name took to be looked up",
    (SCHOOL, LINE, FAMILY),
    fresh=HOUR,
    history=True,
)
HTTP_DURATION = Metric(
    "tsunagu.http.duration",
    InstrumentKind.GAUGE,
    "s",
    "how long a page took to be answered",
    (SCHOOL, LINE, FAMILY),
    fresh=HOUR,
    history=True,
)
PROBE_LAST_SUCCESS = Metric(
    "tsunagu.probe.last.success",
    InstrumentKind.GAUGE,
    "s",
    "when a school's probe last got through, in seconds since 1970",
    (SCHOOL,),
    fresh=400 * DAY,
    moment=True,
)
PROBE_SLOT = Metric(
    "tsunagu.probe.slot",
    InstrumentKind.GAUGE,
    "{slot}",
    "what became of a line's last planned test: 0 it has a figure, 1 nothing answered, 2 the server had no room, "
    "3 the probe came too late, 4 its bytes were used up, 5 the probe cannot test",
    (SCHOOL, LINE),
    fresh=7 * DAY,
    history=True,
)
DEVICE_DRIFT = Metric(
    "tsunagu.device.drift",
    InstrumentKind.GAUGE,
    "{device}",
    "devices of a school that differ from what the policy says",
    (SCHOOL,),
    fresh=7 * DAY,
    writers=CONTROLLER_ONLY,
)
DEVICE_UNCONFIRMED = Metric(
    "tsunagu.device.unconfirmed",
    InstrumentKind.GAUGE,
    "{device}",
    "devices of a school that run a change which nobody confirmed, and do not go back by themselves",
    (SCHOOL,),
    fresh=7 * DAY,
    writers=CONTROLLER_ONLY,
)
TASK_LAST_END = Metric(
    "tsunagu.task.last.end",
    InstrumentKind.GAUGE,
    "s",
    "when a task last ended so, in seconds since 1970",
    (TASK, RESULT),
    fresh=400 * DAY,
    writers=CONTROLLER_ONLY,
    moment=True,
)
CERTIFICATE_NOT_AFTER = Metric(
    "tsunagu.certificate.not.after",
    InstrumentKind.GAUGE,
    "s",
    "when a certificate ends, in seconds since 1970; of several the first to end",
    (CERTIFICATE,),
    fresh=90 * DAY,
    writers=CONTROLLER_ONLY,
    deadline=True,
)
GUIDELINE_CLAUSES = Metric(
    "tsunagu.guideline.clauses",
    InstrumentKind.GAUGE,
    "{clause}",
    "clauses of the security guideline, by how they stood when the city was last proved",
    (CLAUSE,),
    fresh=7 * DAY,
    writers=CONTROLLER_ONLY,
)
GUIDELINE_POLICY_HASH = Metric(
    "tsunagu.guideline.policy.hash",
    InstrumentKind.GAUGE,
    "{hash}",
    "the first 48 bits of the digest of the policy that the clauses were judged by, as a number",
    (),
    fresh=7 * DAY,
    writers=CONTROLLER_ONLY,
)
ROLLOUT_LOST = Metric(
    "tsunagu.rollout.lost",
    InstrumentKind.GAUGE,
    "{rollout}",
    "rollouts that have not ended, and whose controller gives no sign of life any more",
    (),
    fresh=MINUTE,
    writers=NOBODY,
)
ROLLOUT_DEVICES = Metric(
    "tsunagu.rollout.devices",
    InstrumentKind.COUNTER,
    "{device}",
    "devices that a rollout was done with",
    (OUTCOME,),
    fresh=DAY,
    writers=CONTROLLER_ONLY,
)
ROLLOUT_DEVICE_DURATION = Metric(
    "tsunagu.rollout.device.duration",
    InstrumentKind.HISTOGRAM,
    "s",
    "how long a rollout took on a device",
    (OUTCOME,),
    fresh=DAY,
    boundaries=(0.5, 1, 2, 5, 10, 20, 60, 120, 300),
    writers=CONTROLLER_ONLY,
)
TELEMETRY_DROPPED = Metric(
    "tsunagu.telemetry.dropped",
    InstrumentKind.COUNTER,
    "{item}",
    "spans, data points and log records that could not be sent and are lost",
    (SIGNAL,),
    fresh=DAY,
    writers=ANYBODY,
)
METRICS: Mapping[str, Metric] = MappingProxyType(
    {one.name: one for one in list(vars().values()) if isinstance(one, Metric)}
)
"""Every metric by its name."""
