"""The alert rules for Prometheus, made from the registry and the message catalogue.

python -m monitoring.alerts.rules          writes monitoring/alerts/tsunagu.yaml
python -m monitoring.alerts.rules --check  fails when that file is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from controller.messages import LANGUAGES, Language, load_catalogue
from controller.telemetry.deprecated_names import DEPRECATED_NAMES
from controller.telemetry.registry import LINE
from monitoring.alerts.alert_list import Alert, list_alerts
from monitoring.alerts.recordings import Recording, list_recordings
from monitoring.city_state.school_facts import SILENT_SECONDS

FILE = Path(__file__).parent / "tsunagu.yaml"
_HEAD = "# Made by `python -m monitoring.alerts.rules` from the registry and the message catalogue; do not edit.\n"
_VALUE = "{{ $value | printf `%.0f` }}"
_PAGE = "http://127.0.0.1:8600"
"""Where links of alerts lead, unless Prometheus' external label `tsunagu_page` names another address of the monitor."""
_FIRST_LANGUAGE: Language = "ja"
"""What a board's staff read: in it are the annotations that other programs show without being told to."""


def render_rules(faster: int = 1) -> str:
    """The file of rules; a test that cannot wait has every alert so many times faster."""
    rules = [
        *(_record(recording) for recording in list_recordings()),
        *(_rule(alert, faster) for alert in list_alerts(max(1, SILENT_SECONDS // faster))),
    ]
    # Queries and dashboards by an old name go on for one version.
    old = [{"record": one.prometheus, "expr": one.expression} for one in DEPRECATED_NAMES.values()]
    groups = [{"name": "tsunagu", "rules": rules}, {"name": "tsunagu-deprecated-names", "rules": old}]
    return _HEAD + yaml.safe_dump({"groups": groups}, allow_unicode=True, sort_keys=False, width=1000)


def _record(recording: Recording) -> dict[str, object]:
    return {"record": recording.name, "expr": recording.expression}


def _rule(alert: Alert, faster: int) -> dict[str, object]:
    hold = {"keep_firing_for": f"{alert.hold // faster}s"} if alert.hold // faster else {}
    return {
        "alert": alert.full_name,
        "expr": alert.expression,
        "for": f"{alert.seconds // faster}s",
        **hold,
        "labels": {"severity": alert.severity, "team": alert.team},
        "annotations": _annotations(alert),
    }


def _annotations(alert: Alert) -> dict[str, str]:
    """Its words in each language; and what programs show that know of no languages: summary, description, two links."""
    said = {
        (part, language): load_catalogue(language).say(f"alerts.{alert.key}-{part}", **_marks(alert, language))
        for part in ("summary", "action")
        for language in LANGUAGES
    }
    page = "{{ if $externalLabels.tsunagu_page }}{{ $externalLabels.tsunagu_page }}{{ else }}" + _PAGE + "{{ end }}"
    return {
        "summary": said["summary", _FIRST_LANGUAGE],
        "description": said["action", _FIRST_LANGUAGE],
        **{f"{part}_{language}": text for (part, language), text in said.items()},
        "runbook_url": f"{page}/runbooks/{_FIRST_LANGUAGE}/{alert.key}.md",
        "dashboard_url": f"{page}{alert.page}",
    }


def _marks(alert: Alert, language: Language) -> dict[str, str]:
    """What Prometheus puts into the words: labels, the name of a line in the language, the value."""
    marks = {label: f"{{{{ $labels.{label} }}}}" for label in alert.labels} | {"value": _VALUE}
    if LINE.name in marks:
        *named, last = ((line, load_catalogue(language)[f"alerts.{line}"]) for line in LINE.values)
        chosen = " else ".join(f'if eq $labels.line "{line}" }}}}{word}{{{{' for line, word in named)
        marks[LINE.name] = f"{{{{ {chosen} else }}}}{last[1]}{{{{ end }}}}"
    return marks


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
