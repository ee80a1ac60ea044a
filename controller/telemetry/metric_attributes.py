"""What values of metrics are told apart by, once: every attribute with its bound; the registry gives them on."""

from __future__ import annotations

from controller.telemetry.metric_form import Attribute

MOST_SCHOOLS = 1_280
"""The largest board has about 1,000 schools of its own; a value beyond this is a mistake, not growth."""
MOST_REGIONS = 4
SCHOOL = Attribute("school", "the school's id in policies/city/schools", bound=MOST_SCHOOLS)
LINE = Attribute("line", "which of a school's lines", ("primary", "backup", "third"))
REGION = Attribute("region", "the region's id in policies/city/lines.yaml", bound=MOST_REGIONS)
FAMILY = Attribute("family", "the Internet Protocol's version", ("ipv4", "ipv6"), convention="network.type")
DIRECTION = Attribute("direction", "seen from the school", ("download", "upload"))
UPLINK = Attribute(
    "uplink",
    "a line at the school's router, or lan: the core switch's ports to the router, as a sum",
    (*LINE.values, "lan"),
)
OUTCOME = Attribute("outcome", "how a device ended", ("applied", "unchanged", "reverted", "failed", "unknown"))
SIGNAL = Attribute("signal", "the kind of telemetry", ("traces", "metrics", "logs"))
TASK = Attribute(
    "task",
    "a command that operators are to run again and again, with its group before it",
    ("check", "prove", "backup-create", "audit-verify", "drill-line", "drill-region", "drill-restore", "drill-state"),
)
RESULT = Attribute("result", "how a task ended: good, or bad where it found something or failed", ("good", "bad"))
CERTIFICATE = Attribute(
    "certificate",
    "what a certificate is for: the monitor's own TLS; the schools' probes; the authorities of the monitor's login, of "
    "the probes, of the rollouts' database and of NetBox; and what the operators' file names of the 802.1X servers and "
    "the measuring endpoints",
    (
        "monitor",
        "login-authority",
        "probe",
        "probe-authority",
        "rollout-database",
        "netbox",
        "radius-server",
        "radius-authority",
        "measuring-endpoint",
    ),
)
CLAUSE = Attribute("state", "how a clause stands", ("holds", "differs", "not-judged"))
FOREIGN = "foreign"
"""Why a part was not taken that nobody meant for us: a shared collector sends what it has. It is no fault."""
SENDER = Attribute("sender", "who sends telemetry: writer/service.instance.id of its resource", bound=2 * MOST_SCHOOLS)
REASON = Attribute(
    "reason",
    "why a request was refused; no-token: its sender is not known; no-certificate: it is, and does "
    "not show its certificate over TLS; unknown: only a part of it, which the registry or "
    "the city does not have, or which its sender may not say; foreign: only what is another system's",
    ("malformed", "too-large", "busy", "unknown", "no-token", "no-certificate", FOREIGN),
)

PATH = (SCHOOL, LINE, REGION, FAMILY)
