"""The alert policies and dashboards as files, for people who look at them, and for a city without the stacks.

python -m stacks.cloud_monitoring.render          writes stacks/cloud_monitoring/made/
python -m stacks.cloud_monitoring.render --check  fails when a file is not what would be written

The files are of a stack that has every part, one of each, under the names `PROJECT` and `NAME`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from controller.messages import LANGUAGES
from stacks.cloud_monitoring.alert_policies import build_alert_policy
from stacks.cloud_monitoring.dashboards import build_dashboard
from stacks.cloud_monitoring.parts import Part
from stacks.cloud_monitoring.signals import ALERTS, PartKind

FOLDER = Path(__file__).parent / "made"
STACK, RUNBOOKS = "STACK", "https://monitor.city.example/runbooks"
_HEAD = (
    "# Made by `python -m stacks.cloud_monitoring.render` from the registry and the message catalogue; do not edit.\n"
)
_OF_ALL = frozenset({"balancer", "vault", "gateways", "sinks", "certificates"})
_LIMIT = 100.0


def render_files() -> dict[str, str]:
    """Every file by its name."""
    parts = {alert.kind: (_make_part(alert.kind),) for alert in ALERTS}
    policies = [
        build_alert_policy(alert, part, _write_with(part), STACK, RUNBOOKS)
        for alert in ALERTS
        for part in parts[alert.kind]
    ]
    text = yaml.safe_dump({"alertPolicies": policies}, allow_unicode=True, sort_keys=False, width=1000)
    dashboards = {
        f"dashboard.{language}.json": json.dumps(
            build_dashboard(parts, STACK, language), ensure_ascii=False, indent=1, sort_keys=True
        )
        + "\n"
        for language in LANGUAGES
    }
    return {"alert-policies.yaml": _HEAD + text, **dashboards}


def _make_part(kind: PartKind) -> Part:
    name = "PROJECT:NAME" if kind in {"database", "replica", "backups"} else "NAME"
    return Part("" if kind in _OF_ALL else "APPLICATION", "II", (name,), _LIMIT)


def _write_with(part: Part) -> Callable[[Callable[[list[str]], str]], str]:
    names = [str(name) for name in part.names]
    return lambda make: make(names)


def main(words: list[str]) -> int:
    """Write the files, or say which are not current: 0 when all are, 1 when not."""
    wanted = render_files()
    if words == ["--check"]:
        there = {one.name: one.read_text(encoding="utf-8") for one in FOLDER.glob("*")}
        old = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        if old:
            sys.stderr.write(f"not current: {', '.join(old)}; run python -m stacks.cloud_monitoring.render\n")
        return 1 if old else 0
    if words:
        sys.stderr.write("usage: python -m stacks.cloud_monitoring.render [--check]\n")
        return 64
    FOLDER.mkdir(exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
