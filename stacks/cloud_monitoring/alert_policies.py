"""An alert of the registry as an alert policy of Cloud Monitoring, in the words of Google's API.

Silence ends nothing: an incident stays open while no series come (`EVALUATION_MISSING_DATA_NO_OP`), for a week at most,
which is Google's own limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.messages import LANGUAGES, load_catalogue
from stacks.cloud_monitoring.filters import build_aggregation, write_log_filter, write_metric_filter
from stacks.cloud_monitoring.parts import Part
from stacks.cloud_monitoring.signals import Alert, Condition

WEEK = "604800s"
BETWEEN_NOTIFICATIONS = "3600s"
"""Of conditions on logs, which Google asks it of."""
Writer = Callable[[Callable[[list[str]], str]], Any]
"""Writes a filter once Google's names of a part are known: at once, or when the engine knows them."""
PAGE = "cloud.md"
"""The runbook's page in each language."""


def build_alert_policy(alert: Alert, part: Part, write: Writer, stack: str, runbooks: str) -> dict[str, Any]:
    """Return an alert policy about a part, without whom it tells and without labels.

    Args:
        alert: of the registry.
        part: what it is about.
        write: writes a filter with Google's names of the part.
        stack: the stack's name; it stands in the title.
        runbooks: where runbooks are read: the address above `ja` and `en`.
    """
    strategy: dict[str, Any] = {"autoClose": WEEK}
    if alert.log_filter:
        strategy["notificationRateLimit"] = {"period": BETWEEN_NOTIFICATIONS}
    said = {language: load_catalogue(language) for language in LANGUAGES}
    marks = {"part": part.id}
    titles = [said[language].say(f"cloud_monitoring.{alert.key}-summary", **marks) for language in LANGUAGES]
    actions = [said[language].say(f"cloud_monitoring.{alert.key}-action", **marks) for language in LANGUAGES]
    return {
        "displayName": f"[{stack}] {' / '.join(titles)}",
        "severity": alert.severity,
        "combiner": "AND" if alert.together else "OR",
        "conditions": _build_conditions(alert, part, write, titles[-1]),
        "alertStrategy": strategy,
        "documentation": {
            "subject": f"[{stack}] {alert.key} {part.id}".rstrip(),
            "content": "\n\n".join(actions),
            "mimeType": "text/markdown",
            "links": [
                {
                    "displayName": said[language]["cloud_monitoring.runbook"],
                    "url": f"{runbooks}/{language}/{PAGE}#{alert.key}",
                }
                for language in LANGUAGES
            ],
        },
    }


def _build_conditions(alert: Alert, part: Part, write: Writer, title: str) -> list[dict[str, Any]]:
    if alert.log_filter:
        matched = {"filter": write(lambda names: write_log_filter(alert.log_filter, names))}
        return [{"displayName": title, "conditionMatchedLog": matched}]
    english = load_catalogue("en")
    return [
        {
            "displayName": english[f"cloud_monitoring.signal-{condition.signal.key}"],
            "conditionThreshold": _build_threshold(condition, part, write),
        }
        for condition in alert.conditions
    ]


def _build_threshold(condition: Condition, part: Part, write: Writer) -> dict[str, Any]:
    signal = condition.signal
    value = condition.above if condition.above is not None else condition.below
    assert value is not None  # noqa: S101 a choice of the registry's
    built: dict[str, Any] = {
        "filter": write(lambda names: write_metric_filter(signal.query, names)),
        "aggregations": [build_aggregation(signal.query)],
        "comparison": "COMPARISON_LT" if condition.above is None else "COMPARISON_GT",
        "thresholdValue": value * part.limit if condition.of_limit and part.limit is not None else value,
        "duration": f"{condition.minutes * 60}s",
    }
    if condition.minutes:
        # Google takes it with a duration alone.
        built["evaluationMissingData"] = "EVALUATION_MISSING_DATA_NO_OP"
    whole = signal.of
    if whole is not None:
        built["denominatorFilter"] = write(lambda names: write_metric_filter(whole, names))
        built["denominatorAggregations"] = [build_aggregation(whole)]
    return built
