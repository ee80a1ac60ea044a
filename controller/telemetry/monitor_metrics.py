"""What the monitor says of itself and of who sends to it; nobody may send these."""

from __future__ import annotations

from controller.telemetry.metric_attributes import REASON, SENDER, SIGNAL
from controller.telemetry.metric_form import DAY, HOUR, MINUTE, NOBODY, InstrumentKind, Metric

SENDER_CLOCK_SKEW = Metric(
    "tsunagu.sender.clock.skew",
    InstrumentKind.GAUGE,
    "s",
    "by how much a sender's clock is ahead of the monitor's, the way included; below 0: it is behind",
    (SENDER,),
    fresh=HOUR,
    writers=NOBODY,
)
MONITOR_REFUSED = Metric(
    "tsunagu.monitor.refused",
    InstrumentKind.COUNTER,
    "{request}",
    "requests that the monitor did not take",
    (SIGNAL, REASON),
    fresh=DAY,
    writers=NOBODY,
)
MONITOR_MEMORY = Metric(
    "tsunagu.monitor.memory.usage",
    InstrumentKind.GAUGE,
    "By",
    "resident memory of the monitor's process",
    (),
    fresh=MINUTE,
    writers=NOBODY,
)
MONITOR_CPU = Metric(
    "tsunagu.monitor.cpu.time",
    InstrumentKind.COUNTER,
    "s",
    "processor time that the monitor's process has used since it began",
    (),
    fresh=MINUTE,
    writers=NOBODY,
)
MONITOR_STORE_SIZE = Metric(
    "tsunagu.monitor.store.size",
    InstrumentKind.GAUGE,
    "By",
    "size of the monitor's store on the disk, with what is not yet written into its main file",
    (),
    fresh=MINUTE,
    writers=NOBODY,
)
MONITOR_STORE_FAULT = Metric(
    "tsunagu.monitor.store.fault",
    InstrumentKind.GAUGE,
    "{fault}",
    "1: something cannot be kept in the monitor's store, read from it or tidied up in it, 0: all well",
    (),
    fresh=MINUTE,
    writers=NOBODY,
)
MONITOR_PAGE_FAULT = Metric(
    "tsunagu.monitor.page.fault",
    InstrumentKind.GAUGE,
    "{fault}",
    "1: the last time the pages could not be told what changed, 0: all well",
    (),
    fresh=MINUTE,
    writers=NOBODY,
)
MONITOR_READERS = Metric(
    "tsunagu.monitor.readers",
    InstrumentKind.GAUGE,
    "{reader}",
    "browsers that hear the monitor's stream of events",
    (),
    fresh=MINUTE,
    writers=NOBODY,
)
