"""The alert rules for Prometheus, made from the registry and the message catalogue.

python -m monitoring.alerts.rules          writes monitoring/alerts/tsunagu.yaml
python -m monitoring.alerts.rules --check  fails when that file is not what would be written
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from controller.messages import LANGUAGES, Language, load_catalogue
from controller.model.measurement import Assessment
from controller.telemetry.deprecated_names import DEPRECATED_NAMES
from controller.telemetry.naming import OVERFLOW, prometheus_label
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    LINE,
    LINE_UP,
    METRICS,
    MONITOR_REFUSED,
    PROBE_LAST_SUCCESS,
    ROLLOUT_LOST,
    TELEMETRY_DROPPED,
)
from monitoring.city_state.school_tiles import SILENT_SECONDS

FILE = Path(__file__).parent / "tsunagu.yaml"
_HEAD = "# Made by `python -m monitoring.alerts.rules` from the registry and the message catalogue; do not edit.\n"
_VALUE = "{{ $value | printf `%.0f` }}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule. `key` finds its words; `labels` are those of its series that the words use."""

    name: str
    key: str
    expression: str
    lasting: str
    severity: Literal["critical", "warning", "info"]
    labels: tuple[str, ...]


def list_alerts() -> tuple[Alert, ...]:
    """Every rule, under the names of the registry."""
    ours = f'{{__name__=~"{_common_prefix()}.+", {prometheus_label(OVERFLOW)}="true"}}'
    named = f'label_replace({ours}, "metric", "$1", "__name__", "(.+)")'
    return (
        # How often a line must fail before it is down is decided where it is measured.
        Alert("LineDown", "line-down", f"{LINE_UP.prometheus} == 0", "10s", "critical", ("school", "line")),
        Alert(
            "SchoolBelowRecommendation",
            "bandwidth-below",
            f"{BANDWIDTH_ASSESSMENT.prometheus} == {Assessment.BELOW.number}",
            "1m",
            "warning",
            ("school",),
        ),
        Alert("DriftFound", "drift-found", f"{DEVICE_DRIFT.prometheus} > 0", "1m", "warning", ("school",)),
        Alert(
            "DeviceUnconfirmed",
            "device-unconfirmed",
            f"{DEVICE_UNCONFIRMED.prometheus} > 0",
            "0s",
            "critical",
            ("school",),
        ),
        # How long a rollout may be silent is decided by the monitor.
        Alert("RolloutLost", "rollout-lost", f"{ROLLOUT_LOST.prometheus} > 0", "0s", "critical", ()),
        Alert(
            "ProbeSilent",
            "probe-silent",
            f"time() - {PROBE_LAST_SUCCESS.prometheus} > {SILENT_SECONDS}",
            "1m",
            "warning",
            ("school",),
        ),
        Alert(
            "AttributeOverflow", "attribute-overflow", f"count by (metric) ({named}) > 0", "0s", "warning", ("metric",)
        ),
        Alert(
            "TelemetryDropped",
            "telemetry-dropped",
            f"increase({TELEMETRY_DROPPED.prometheus}[10m]) > 0",
            "0s",
            "warning",
            ("signal",),
        ),
        Alert(
            "RequestRefused",
            "request-refused",
            f"increase({MONITOR_REFUSED.prometheus}[10m]) > 0",
            "0s",
            "warning",
            ("signal", "reason"),
        ),
        Alert("MonitorAbsent", "monitor-absent", f"absent({MONITOR_REFUSED.prometheus})", "1m", "critical", ()),
    )


def render_rules() -> str:
    """The file of rules."""
    alerts = {"name": "tsunagu", "rules": [_rule(alert) for alert in list_alerts()]}
    # Queries and dashboards by an old name go on for one version.
    old = [{"record": one.prometheus, "expr": one.expression} for one in DEPRECATED_NAMES.values()]
    groups = [alerts, {"name": "tsunagu-deprecated-names", "rules": old}]
    return _HEAD + yaml.safe_dump({"groups": groups}, allow_unicode=True, sort_keys=False, width=1000)


def _rule(alert: Alert) -> dict[str, object]:
    return {
        "alert": f"Tsunagu{alert.name}",
        "expr": alert.expression,
        "for": alert.lasting,
        "labels": {"severity": alert.severity},
        "annotations": {
            f"{part}_{language}": load_catalogue(language).say(f"alerts.{alert.key}-{part}", **_marks(alert, language))
            for part in ("summary", "action")
            for language in LANGUAGES
        },
    }


def _marks(alert: Alert, language: Language) -> dict[str, str]:
    """What Prometheus puts into the words: labels, the name of a line in the language, the value."""
    marks = {label: f"{{{{ $labels.{label} }}}}" for label in alert.labels} | {"value": _VALUE}
    if LINE.name in marks:
        *named, last = ((line, load_catalogue(language)[f"alerts.{line}"]) for line in LINE.values)
        chosen = " else ".join(f'if eq $labels.line "{line}" }}}}{word}{{{{' for line, word in named)
        marks[LINE.name] = f"{{{{ {chosen} else }}}}{last[1]}{{{{ end }}}}"
    return marks


def _common_prefix() -> str:
    """What every name begins with."""
    [prefix] = {metric.prometheus.split("_")[0] for metric in METRICS.values()}
    return f"{prefix}_"


def main(words: list[str]) -> int:
    """Write the file, or say whether it is current: 0 when it is, 1 when not."""
    if words == ["--check"]:
        current = FILE.exists() and FILE.read_text(encoding="utf-8") == render_rules()
        if not current:
            sys.stderr.write(f"{FILE} is not current: run python -m monitoring.alerts.rules\n")
        return 0 if current else 1
    if words:
        sys.stderr.write("usage: python -m monitoring.alerts.rules [--check]\n")
        return 64
    FILE.write_text(render_rules(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
