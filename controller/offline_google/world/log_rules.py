"""What Cloud Logging refuses: names, filters, retentions, changes of a log bucket, and sinks that lead to nothing.

Sources: the reference of Logging's API (`LogSink`, `LogExclusion`, `LogBucket`, `LogMetric`: names, 10 exclusions of a
project, 50 of a sink), "Configure log buckets" (1 to 3,650 days, `_Required` is not changed, a locked one keeps its
retention and is not deleted before it is empty), "Configure CMEK for log buckets" (a bucket gets a key when it is made,
and keeps having one), "Route logs to supported destinations" (how a destination is written; a sink whose destination is
not there loses every entry).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from controller.offline_google.schema.facts import find_resource_type
from controller.offline_google.schema.logs.log_filter import explain_log_filter
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid, make_not_found
from controller.offline_google.world.existing_organisation import read_existing_organisation
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]

SINK = "gcp:logging/projectSink:ProjectSink"
EXCLUSION = "gcp:logging/projectExclusion:ProjectExclusion"
LOG_BUCKET = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
METRIC = "gcp:logging/metric:Metric"
_NOT_MODELLED: Mapping[str, tuple[str, ...]] = {
    SINK: ("bigqueryOptions", "customWriterIdentity"),
    LOG_BUCKET: ("enableAnalytics", "indexConfigs"),
    METRIC: ("bucketName", "bucketOptions", "labelExtractors", "valueExtractor"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_METRIC_NAME = re.compile(r"[A-Za-z0-9_.,+!*'()%-][A-Za-z0-9_.,+!*'()%/-]{0,99}")
_LETTERS = "1 to 100 letters, digits, '_', '-' and '.', the first one a letter or digit"
DAYS = (1, 3650)
MOST_EXCLUSIONS, MOST_OF_A_SINK = 10, 50
_GOOGLES_BUCKETS = ("_Default", "_Required")
_KEY = "cmekSettings"
_BUCKET = re.compile(r"logging\.googleapis\.com/(projects/([^/]+)/locations/([^/]+)/buckets/([^/]+))")
_PROJECT = re.compile(r"logging\.googleapis\.com/projects/([^/]+)")
_STORAGE = re.compile(r"storage\.googleapis\.com/([^/]+)")
_KNOWN_ELSEWHERE = re.compile(r"(bigquery|pubsub)\.googleapis\.com/projects/[^/]+/(datasets|topics)/[^/]+")


def check_log_settings(token: str, values: Values) -> None:
    """Refuse what Cloud Logging would refuse without looking at anything else.

    Raises:
        GoogleRefusal: a name, a filter or a number is none that it takes, or it is not known here what it would do.
    """
    asked = [name for name in _NOT_MODELLED.get(token, ()) if values.get(name)]
    if asked:
        message = f"the offline Google does not model {', '.join(asked)} of {find_resource_type(token).short}"
        raise GoogleRefusal(501, message, "notImplemented")
    for field, wrong in _CHECKS.get(token, _find_nothing)(values):
        raise make_invalid(field, wrong)


def check_log_deletion(token: str, values: Values) -> None:
    """Refuse to delete a log bucket that is locked; what it keeps is not known here, so none counts as empty.

    Raises:
        GoogleRefusal: it is locked.
    """
    if token == LOG_BUCKET and values.get("locked") is True:
        message = (
            f"the log bucket '{values.get('bucketId')}' is locked, and cannot be deleted before everything in it has "
            "been kept for its retention"
        )
        raise GoogleRefusal(400, message, "failedPrecondition")


def _find_nothing(_values: Values) -> Iterator[tuple[str, str]]:
    yield from ()


def _check_exclusion(values: Values, where: str = "") -> Iterator[tuple[str, str]]:
    yield from _check_name(f"{where}name", values.get("name"))
    yield from _check_filter(f"{where}filter", values.get("filter"), needed=True)


def _check_sink(values: Values) -> Iterator[tuple[str, str]]:
    yield from _check_name("name", values.get("name"))
    yield from _check_filter("filter", values.get("filter"))
    exclusions = values.get("exclusions")
    exclusions = exclusions if isinstance(exclusions, list) else []
    if len(exclusions) > MOST_OF_A_SINK:
        yield "exclusions", f"a sink has at most {MOST_OF_A_SINK}; there are {len(exclusions)}"
    for number, one in enumerate(exclusions):
        if isinstance(one, Mapping):
            yield from _check_exclusion(one, f"exclusions[{number}].")
    names = Counter(str(one.get("name")) for one in exclusions if isinstance(one, Mapping))
    yield from (("exclusions", f"two are called '{name}'") for name, count in names.items() if count > 1)


def _check_bucket(values: Values) -> Iterator[tuple[str, str]]:
    bucket, days = values.get("bucketId"), values.get("retentionDays")
    if bucket not in _GOOGLES_BUCKETS:
        yield from _check_name("bucketId", bucket)
    if isinstance(days, int | float) and not isinstance(days, bool) and not DAYS[0] <= days <= DAYS[1]:
        yield "retentionDays", f"{days:g} is outside {DAYS[0]} to {DAYS[1]} days"


def _check_metric(values: Values) -> Iterator[tuple[str, str]]:
    name = values.get("name")
    if isinstance(name, str) and not _METRIC_NAME.fullmatch(name):
        yield "name", f"'{name}'. It has 1 to 100 letters, digits and _-.,+!*',()%/, and does not begin with '/'"
    yield from _check_filter("filter", values.get("filter"), needed=True)


def _check_name(field: str, name: Value) -> Iterator[tuple[str, str]]:
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield field, f"'{name}'. It has {_LETTERS}"


def _check_filter(field: str, text: Value, *, needed: bool = False) -> Iterator[tuple[str, str]]:
    if not isinstance(text, str):
        return
    if needed and not text.strip():
        yield field, "a filter must be given"
    wrong = explain_log_filter(text)
    if wrong:
        yield field, f"Unparseable filter: {wrong}"


def _exclusion_has_room(store: WorldStore, identity: str, values: Values) -> None:
    others = [one for one in store.all(EXCLUSION) if one.id != identity and one.project == values.get("project")]
    if len(others) >= MOST_EXCLUSIONS:
        message = f"a project has at most {MOST_EXCLUSIONS} exclusions, and there are {len(others)} already"
        raise GoogleRefusal(400, message, "failedPrecondition")


def _bucket_may_be_so(store: WorldStore, identity: str, values: Values) -> None:
    if values.get("bucketId") in _GOOGLES_BUCKETS:
        message = (
            f"the offline Google does not model {values['bucketId']}, which every project has from its beginning: "
            "take a log bucket of your own, and a sink to it"
        )
        raise GoogleRefusal(501, message, "notImplemented")
    found = store.get(LOG_BUCKET, identity)
    before: Values = found.outputs if found is not None else {}
    if not before:
        return
    if bool(before.get(_KEY)) != bool(values.get(_KEY)):
        message = "a log bucket gets its key when it is made: no key can be given or taken away afterwards"
        raise make_invalid(_KEY, message)
    if before.get("locked") is True:
        changed = [name for name in ("locked", "retentionDays") if values.get(name) != before.get(name)]
        if changed:
            raise make_invalid(changed[0], f"'{identity}' is locked: its retention is never changed, nor unlocked")


def _sink_leads_somewhere(store: WorldStore, _identity: str, values: Values) -> None:
    destination = str(values.get("destination"))
    own = str(values.get("project") or "")
    if not any(one.fullmatch(destination) for one in (_BUCKET, _PROJECT, _STORAGE, _KNOWN_ELSEWHERE)):
        message = (
            f"'{destination}'. Write storage.googleapis.com/BUCKET, logging.googleapis.com/projects/PROJECT, or "
            "logging.googleapis.com/projects/PROJECT/locations/LOCATION/buckets/BUCKET"
        )
        raise GoogleRefusal(400, message, "invalid")
    if not _destination_exists(store, destination, own):
        raise make_not_found(destination, "logging.ProjectSink field 'destination': no entry would be kept")


def _destination_exists(store: WorldStore, destination: str, own: str) -> bool:
    bucket, project, storage = (pattern.fullmatch(destination) for pattern in (_BUCKET, _PROJECT, _STORAGE))
    if bucket:
        googles = bucket[3] == "global" and bucket[4] in _GOOGLES_BUCKETS and _project_exists(store, bucket[2], own)
        return googles or store.get(LOG_BUCKET, bucket[1]) is not None
    if storage:
        return store.called(storage[1], ["gcp:storage/bucket:Bucket"]) is not None
    if project:
        return _project_exists(store, project[1], own)
    message = f"the offline Google does not model what stands at '{destination}'"
    raise GoogleRefusal(501, message, "notImplemented")


def _project_exists(store: WorldStore, project: str, own: str) -> bool:
    made = {one.outputs.get("projectId") for one in store.all("gcp:organizations/project:Project")}
    return project in {own, *made, *read_existing_organisation().projects}


_CHECKS: Mapping[str, Callable[[Values], Iterator[tuple[str, str]]]] = {
    SINK: _check_sink,
    EXCLUSION: _check_exclusion,
    LOG_BUCKET: _check_bucket,
    METRIC: _check_metric,
}
LOG_RULES: Mapping[str, Callable[[WorldStore, str, Values], None]] = {
    "log-bucket": _bucket_may_be_so,
    "log-exclusion-room": _exclusion_has_room,
    "log-sink-destination": _sink_leads_somewhere,
}
"""By the name that the tables of `models` call it: what the rest of the world does not allow."""
