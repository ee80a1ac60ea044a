"""What Cloud Monitoring refuses of an alert policy or a notification channel by itself.

Sources: the reference of `AlertPolicy` (texts, labels, one condition or more and six at most, durations of whole
minutes, what a `LogMatch` asks for), "Alerting policies" (limits: 16 channels of a policy; incidents closed after 30
minutes to 7 days), "Configure log-based alerting policies" (one condition; notifications 5 minutes apart or more), the
reference of `NotificationChannel` and "Create notification channels" (the label of an e-mail channel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known, list_known_blocks
from controller.offline_google.schema.logs.log_filter import explain_log_filter
from controller.offline_google.schema.metrics.aggregations import (
    LONGEST_OF_ALERTS,
    find_aligned_value,
    find_wrong_aggregation,
)
from controller.offline_google.schema.metrics.known_metrics import NUMBERS
from controller.offline_google.schema.metrics.metric_filter import select_series
from controller.offline_google.schema.pulumi_values import UNKNOWN

POLICIES = "https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies"
CHANNELS = "https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.notificationChannels"
LOG_ALERTS = "https://cloud.google.com/logging/docs/alerting/log-based-alerts"
MOST_CONDITIONS, MOST_CHANNELS, MOST_LINKS = 6, 16, 3
_CONTENT, _CONTENT_BYTES, _SUBJECT_BYTES = 8_192, 10_240, 255
_LINK_NAME, _LINK_URL = 63, 2_083
_AUTO_CLOSE = (1_800, 604_800)
_BETWEEN_NOTIFICATIONS = (300, 172_800)
_LONGEST_DURATION = 23 * 3_600 + 1_800
_MINUTE = 60
_MOST_LABELS, _LABEL_BYTES = 64, 63
_KEY, _VALUE = re.compile(r"[a-z][a-z0-9_-]*"), re.compile(r"[a-z0-9_-]*")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_THRESHOLD, _LOG = "conditionThreshold", "conditionMatchedLog"


def _check_conditions(values: Values) -> Complaints:
    conditions = list_known_blocks(values, "conditions")
    known = find_known(values, "conditions")
    if not isinstance(known, list):
        return
    count = len(known)
    if not 1 <= count <= MOST_CONDITIONS:
        yield "conditions", f"there are {count}; Google takes 1 to {MOST_CONDITIONS}"
    logs = [field for field, one in conditions if find_known(one, _LOG)]
    for field, condition in conditions:
        kinds = [name for name in (_THRESHOLD, _LOG) if condition.get(name)]
        if len(kinds) != 1:
            yield field, f"exactly one of {_THRESHOLD} and {_LOG} is set"
        yield from _check_threshold(f"{field}.{_THRESHOLD}", find_known(condition, _THRESHOLD))
        text = find_known(condition, f"{_LOG}.filter")
        if isinstance(text, str):
            wrong = explain_log_filter(text) if text.strip() else "a filter must be given"
            if wrong:
                yield f"{field}.{_LOG}.filter", f"Unparseable filter: {wrong}"
    if logs and count > 1:
        yield logs[0], "a condition on logs is the only one of its policy"
    combiner = find_known(values, "combiner")
    if logs and combiner not in {None, "OR"}:
        yield "combiner", f"{combiner} with a condition on logs"
    yield from _check_strategy(values, on_logs=bool(logs))


def _check_threshold(field: str, threshold: object) -> Complaints:
    if not isinstance(threshold, Mapping):
        return
    if threshold.get("comparison") not in {"COMPARISON_GT", "COMPARISON_LT", UNKNOWN}:
        yield f"{field}.comparison", f"{threshold.get('comparison')} is not supported"
    seconds = _read_seconds(threshold.get("duration"))
    if seconds is None or seconds % _MINUTE or not 0 <= seconds <= _LONGEST_DURATION:
        said = f"{threshold.get('duration')!r} is no number of whole minutes, 0s to {_LONGEST_DURATION}s"
        yield f"{field}.duration", said
    elif seconds < _MINUTE and threshold.get("evaluationMissingData"):
        yield f"{field}.evaluationMissingData", f"it needs a duration of {_MINUTE}s or more"
    yield from _check_series(field, threshold, "filter", "aggregations")
    if threshold.get("denominatorFilter") is not None:
        yield from _check_series(field, threshold, "denominatorFilter", "denominatorAggregations")
        if _list_periods(threshold, "aggregations") != _list_periods(threshold, "denominatorAggregations"):
            yield f"{field}.denominatorAggregations", "its alignment periods are not those of the numerator"


def _list_periods(threshold: Values, name: str) -> list[object]:
    return [one.get("alignmentPeriod") for _, one in list_known_blocks(threshold, name)]


def _check_series(field: str, threshold: Values, name: str, aggregations: str) -> Complaints:
    text = threshold.get(name)
    if text is UNKNOWN:
        return
    selected = select_series(str(text or ""))
    if selected.wrong:
        yield f"{field}.{name}", selected.wrong
        return
    if not selected.names_resource:
        yield f"{field}.{name}", "it must specify a restriction on resource.type"
    blocks = list_known_blocks(threshold, aggregations)
    if len(blocks) != 1:
        yield f"{field}.{aggregations}", f"there are {len(blocks)}; with one it is known here what they are"
        return
    metric, (_, wanted) = selected.metric, blocks[0]
    assert metric is not None  # noqa: S101 a filter without a fault has one
    wrong = [*find_wrong_aggregation(metric, wanted, LONGEST_OF_ALERTS)]
    yield from ((f"{field}.{aggregations}[0].{where}", why) for where, why in wrong)
    value = find_aligned_value(metric, wanted)
    if not wrong and value not in NUMBERS:
        yield f"{field}.{aggregations}", f"{value} values are compared with no threshold: align them to numbers"


def _check_strategy(values: Values, *, on_logs: bool) -> Complaints:
    limit = find_known(values, "alertStrategy.notificationRateLimit.period")
    if limit is None and on_logs:
        yield "alertStrategy.notificationRateLimit", "a condition on logs needs it"
    if limit is not None:
        where = "alertStrategy.notificationRateLimit"
        if not on_logs:
            yield where, "it is for conditions on logs alone"
        yield from _check_seconds(f"{where}.period", limit, _BETWEEN_NOTIFICATIONS)
    closed = find_known(values, "alertStrategy.autoClose")
    if closed is not None:
        yield from _check_seconds("alertStrategy.autoClose", closed, _AUTO_CLOSE)


def _check_seconds(field: str, text: object, bounds: tuple[int, int]) -> Complaints:
    seconds = _read_seconds(text)
    if seconds is None or not bounds[0] <= seconds <= bounds[1]:
        yield field, f"{text!r} is not {bounds[0]}s to {bounds[1]}s"


def _read_seconds(text: object) -> int | None:
    found = re.fullmatch(r"(\d{1,9})s", str(text))
    return int(found[1]) if found else 0 if text is UNKNOWN else None


def _check_documentation(values: Values) -> Complaints:
    content = find_known(values, "documentation.content")
    if isinstance(content, str) and (len(content) > _CONTENT or len(content.encode()) > _CONTENT_BYTES):
        yield "documentation.content", f"it is longer than {_CONTENT} characters or {_CONTENT_BYTES} bytes"
    subject = find_known(values, "documentation.subject")
    if isinstance(subject, str) and len(subject.encode()) > _SUBJECT_BYTES:
        yield "documentation.subject", f"it has {len(subject.encode())} bytes; {_SUBJECT_BYTES} is the most"
    links = list_known_blocks(values, "documentation.links")
    if len(links) > MOST_LINKS:
        yield "documentation.links", f"there are {len(links)}; {MOST_LINKS} is the most"
    for field, link in links:
        yield from _check_link(field, link.get("displayName"), link.get("url"))


def _check_link(field: str, name: object, url: object) -> Complaints:
    if name is not UNKNOWN and not (isinstance(name, str) and 0 < len(name) <= _LINK_NAME):
        yield f"{field}.displayName", f"{name!r} has not 1 to {_LINK_NAME} characters"
    if url is not UNKNOWN and not (isinstance(url, str) and len(url) <= _LINK_URL and re.match(r"https?://\S", url)):
        yield f"{field}.url", f"{url!r} is no address of a page, of {_LINK_URL} characters at most"


def _check_channel(values: Values) -> Complaints:
    labels = find_known(values, "labels")
    labels = labels if isinstance(labels, Mapping) else {}
    for name in labels:
        if name != "email_address":
            yield "labels", f"{name!r} is no label of an e-mail channel"
    address = labels.get("email_address")
    if address is not UNKNOWN and not (isinstance(address, str) and _MAIL.fullmatch(address)):
        yield "labels.email_address", f"{address!r} is no e-mail address"


def _check_user_labels(values: Values) -> Complaints:
    labels = find_known(values, "userLabels")
    labels = labels if isinstance(labels, Mapping) else {}
    if len(labels) > _MOST_LABELS:
        yield "userLabels", f"it has {len(labels)} labels; {_MOST_LABELS} is the most"
    for key, value in labels.items():
        yield from _check_user_label(key, value)


def _check_user_label(key: str, value: object) -> Iterator[tuple[str, str]]:
    if len(key) > _LABEL_BYTES or not _KEY.fullmatch(key):
        yield "userLabels", f"the key {key!r}: 1 to {_LABEL_BYTES} of a-z, 0-9, '_' and '-', a letter first"
    if isinstance(value, str) and (len(value) > _LABEL_BYTES or not _VALUE.fullmatch(value)):
        yield "userLabels", f"the value {value!r} of {key}: up to {_LABEL_BYTES} of a-z, 0-9, '_' and '-'"


CONDITIONS = Rule(f"{POLICIES} and {LOG_ALERTS}", _check_conditions)
DOCUMENTATION = Rule(POLICIES, _check_documentation)
CHANNEL = Rule(CHANNELS, _check_channel)
USER_LABELS = Rule(POLICIES, _check_user_labels)
