"""What Cloud Monitoring refuses by its documents: rows as in `refusals.py`."""

from __future__ import annotations

import json
from typing import Any

Inputs = dict[str, Any]
POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
DASHBOARD = "gcp:monitoring/dashboard:Dashboard"
UP = 'metric.type = "cloudsql.googleapis.com/database/up" AND resource.type = "cloudsql_database"'
LATENCY = 'metric.type = "loadbalancing.googleapis.com/https/total_latencies" AND resource.type = "https_lb_rule"'
LOGS = {"displayName": "c", "conditionMatchedLog": {"filter": "severity>=ERROR"}}
LIMITED = {"notificationRateLimit": {"period": "300s"}}


def align(**more: Any) -> Inputs:  # noqa: ANN401 JSON
    return {"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_MAX", **more}


def condition(filter_: str = UP, aggregation: Inputs | None = None, **more: Any) -> Inputs:  # noqa: ANN401 JSON
    threshold: Inputs = {"filter": filter_, "aggregations": [aggregation or align()], "duration": "300s"}
    threshold |= {"comparison": "COMPARISON_LT", "thresholdValue": 1, **more}
    return {"displayName": "c", "conditionThreshold": threshold}


def policy(*conditions: Inputs, **more: Any) -> Inputs:  # noqa: ANN401 JSON
    return {"displayName": "p", "combiner": "OR", "conditions": [*(conditions or (condition(),))], **more}


def channel(address: str = "watch@city.example", **more: Any) -> Inputs:  # noqa: ANN401 JSON
    return {"type": "email", "labels": {"email_address": address}, **more}


def tile(across: int, down: int, width: int = 6, widget: Inputs | None = None) -> Inputs:
    text = {"text": {"content": "x", "format": "RAW"}}
    return {"xPos": across, "yPos": down, "width": width, "height": 4, "widget": widget or text}


def board(*tiles: Inputs, columns: int = 12, **more: Any) -> Inputs:  # noqa: ANN401 JSON
    document = {"displayName": "d", "mosaicLayout": {"columns": columns, "tiles": [*tiles]}, **more}
    return {"dashboardJson": json.dumps(document)}


def chart(filter_: str, **aggregation: str) -> Inputs:
    query = {"timeSeriesFilter": {"filter": filter_, "aggregation": aggregation}}
    return tile(0, 0, widget={"xyChart": {"dataSets": [{"timeSeriesQuery": query, "plotType": "LINE"}]}})


# fmt: off
ACCEPTED: tuple[tuple[str, Inputs], ...] = (
    (POLICY, policy(severity="ERROR", alertStrategy={"autoClose": "1800s"}, userLabels={"part": "affairs"})),
    (POLICY, policy(condition(LATENCY, align(perSeriesAligner="ALIGN_PERCENTILE_95")))),
    (POLICY, policy(condition(evaluationMissingData="EVALUATION_MISSING_DATA_NO_OP"))),
    (POLICY, policy(LOGS, alertStrategy=LIMITED) | {"displayName": "logs"}),
    (CHANNEL, channel()),
    (DASHBOARD, board(tile(0, 0), tile(6, 0), tile(0, 4), chart(UP) | {"yPos": 8})),
)
REFUSED_BY_MONITORING: tuple[tuple[str, str, Inputs, str], ...] = (
    ("a policy without conditions", POLICY, policy() | {"conditions": []}, "AlertPolicy.conditions"),
    ("seven conditions", POLICY, policy(*[condition()] * 7), "there are 7"),
    ("a condition of no kind", POLICY, policy({"displayName": "c"}), "exactly one of"),
    ("a condition on logs beside another", POLICY, policy(LOGS, condition(), alertStrategy=LIMITED), "the only one"),
    ("logs without a limit of notifications", POLICY, policy(LOGS), "needs it"),
    ("such a limit without logs", POLICY, policy(alertStrategy=LIMITED), "for conditions on logs alone"),
    ("notifications ten seconds apart", POLICY,
     policy(LOGS, alertStrategy={"notificationRateLimit": {"period": "10s"}}), "'10s' is not 300s to 172800s"),
    ("incidents closed after a minute", POLICY, policy(alertStrategy={"autoClose": "60s"}), "'60s' is not 1800s"),
    ("logs combined by AND", POLICY, policy(LOGS, alertStrategy=LIMITED) | {"combiner": "AND"}, "with a condition on"),
    ("a filter of logs that is none", POLICY,
     policy({"displayName": "c", "conditionMatchedLog": {"filter": "servity>=ERROR"}}, alertStrategy=LIMITED),
     "Unparseable filter"),
    ("a metric that does not exist", POLICY, policy(condition('metric.type = "run.googleapis.com/a"')), "com/a"),
    ("a filter without a resource", POLICY,
     policy(condition('metric.type = "cloudsql.googleapis.com/database/up"')), "a restriction on resource.type"),
    ("a metric of another resource", POLICY,
     policy(condition(UP.replace("cloudsql_database", "gce_instance"))), "is a metric of cloudsql_database"),
    ("a label that the metric has not", POLICY, policy(condition(f'{UP} AND metric.labels.x = "y"')), "is no label"),
    ("a function that does not exist", POLICY,
     policy(condition(f'{UP} AND resource.labels.region = like("a")')), "no function"),
    ("a filter of 2,049 characters", POLICY,
     policy(condition(f'{UP} AND resource.labels.region = "{"a" * 2049}"')), "2048 is the most"),
    ("a duration of 90 seconds", POLICY, policy(condition(duration="90s")), "no number of whole minutes"),
    ("missing data without a duration", POLICY,
     policy(condition(duration="0s", evaluationMissingData="EVALUATION_MISSING_DATA_ACTIVE")), "60s or more"),
    ("a comparison that is not supported", POLICY,
     policy(condition(comparison="COMPARISON_EQ")), "COMPARISON_EQ is not supported"),
    ("an alignment of 10 seconds", POLICY, policy(condition(UP, align(alignmentPeriod="10s"))), "'10s' is not 60s"),
    ("an alignment of two days", POLICY, policy(condition(UP, align(alignmentPeriod="172800s"))), "60s to 90000"),
    ("a rate of a gauge", POLICY, policy(condition(UP, align(perSeriesAligner="ALIGN_RATE"))), "of the kind GAUGE"),
    ("a percentile of a number", POLICY,
     policy(condition(UP, align(perSeriesAligner="ALIGN_PERCENTILE_99"))), "with INT64 values"),
    ("a distribution beside a threshold", POLICY,
     policy(condition(LATENCY, align(perSeriesAligner="ALIGN_DELTA"))), "compared with no threshold"),
    ("a reducer without an aligner", POLICY,
     policy(condition(UP, {"crossSeriesReducer": "REDUCE_SUM"})), "without a perSeriesAligner"),
    ("the truth counted in numbers", POLICY,
     policy(condition(UP, align(crossSeriesReducer="REDUCE_COUNT_TRUE"))), "not for INT64 values"),
    ("groups by a label that is none", POLICY,
     policy(condition(UP, align(crossSeriesReducer="REDUCE_SUM", groupByFields=["resource.label.x"]))), "is no label"),
    ("a share of another rhythm", POLICY,
     policy(condition(denominatorFilter=UP, denominatorAggregations=[align(alignmentPeriod="120s")])),
     "not those of the numerator"),
    ("a text of 8,193 letters", POLICY,
     policy(documentation={"content": "a" * 8193, "mimeType": "text/markdown"}), "longer than 8192"),
    ("four links", POLICY,
     policy(documentation={"links": [{"displayName": "a", "url": "https://a.example"}] * 4}), "3 is the most"),
    ("a link that leads nowhere", POLICY,
     policy(documentation={"links": [{"displayName": "a", "url": "banana"}]}), "no address of a page"),
    ("a label with large letters", POLICY, policy(userLabels={"Part": "a"}), "the key 'Part'"),
    ("a channel that is not there", POLICY,
     policy(notificationChannels=["projects/school-lab/notificationChannels/1"]), "notificationChannels/1"),
    ("a channel without an address", CHANNEL, {"type": "email"}, "None is no e-mail address"),
    ("an address that is none", CHANNEL, channel("banana"), "'banana' is no e-mail address"),
    ("a channel of no kind", CHANNEL, channel() | {"type": "pigeon"}, "'pigeon' is none of"),
    ("JSON that is none", DASHBOARD, {"dashboardJson": "banana"}, "format json"),
    ("a dashboard of 49 columns", DASHBOARD, board(columns=49), "49 is not 1 to 48"),
    ("a dashboard without a name", DASHBOARD, board(displayName=""), "displayName: it is needed"),
    ("a dashboard with two layouts", DASHBOARD, board(gridLayout={}), "one mosaicLayout is known"),
    ("tiles that cover one another", DASHBOARD, board(tile(0, 0), tile(5, 3)), "covers a part of"),
    ("a tile beyond the columns", DASHBOARD, board(tile(7, 0)), "within 12 columns"),
    ("a tile without a width", DASHBOARD, board(tile(0, 0, 0)), "within 12 columns"),
    ("a widget that is two", DASHBOARD, board(tile(0, 0, widget={
        "text": {"content": "x"}, "scorecard": {}})), "exactly one of"),
    ("a widget that is not known", DASHBOARD, board(tile(0, 0, widget={"pie": {}})), "'pie' is not known here"),
    ("a chart of a metric that does not exist", DASHBOARD, board(chart('metric.type = "a"')), "'a' does not exist"),
    ("a chart of a gauge's rate", DASHBOARD,
     board(chart(UP, alignmentPeriod="60s", perSeriesAligner="ALIGN_RATE")), "of the kind GAUGE"),
)
# fmt: on
