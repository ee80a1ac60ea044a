"""Cloud Logging: what it refuses of sinks, exclusions, log buckets and metrics, one test each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.operations import create_resource, invoke_function
from controller.offline_google.schema.logs.log_filter import DEEPEST, LONGEST, explain_log_filter
from controller.offline_google.schema.pulumi_values import UNKNOWN, write_properties
from controller.offline_google.world.cross_resource_rules import SERVICE
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.log_rules import EXCLUSION, LOG_BUCKET, METRIC, SINK
from controller.offline_google.world.world_store import WorldStore
from stacks.data.project_logs import EVERYTHING, NO_AUDIT_LOG
from stacks.foundation import AUDIT_FILTER
from tests.offline_google.test_offline_keys import grant, log_bucket, make_agent
from tests.offline_google.worlds import BUCKET, PROJECT, PROJECT_MEMBER, TOKYO, a_key

LOGS = f"logging.googleapis.com/projects/{PROJECT}"
AT_LEAST_ERROR = "severity>=ERROR"


def plain_bucket(**more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    return {"project": PROJECT, "bucketId": "logs", "location": TOKYO, "retentionDays": 400, **more}


def exclusion(name: str = "noise", text: str = AT_LEAST_ERROR) -> dict[str, Any]:
    return {"name": name, "filter": text}


def sink(**more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    return {"name": "all", "destination": LOGS, "filter": AT_LEAST_ERROR, **more}


NOT_RE2 = (
    *("a++", "a*+", "a?+", "a{2}+", "(?>a)", "(?a)x", "(?x)y", "(?u:x)", "(?P=n)", "(?#c)", "(?(1)a|b)", "(?<n>x)"),
    *("x{1001}", "x{1,99999999999}", "[[:letter:]]", "(?P<1>x)", "[b-a]", "a**", "[[:alpha:]"),
    *(rf"\\{escape}" for escape in ("Z", "1", "k<a>", "u0041", "N{DASH}", "g", "y")),
    r"[\\1]",
    r"[\\y]",
)
"""Python takes most of them, and Google none."""
NO_FIELDS = (
    "resource.foo",
    "resource.type.x",
    "severity.x",
    "httpRequest.foo",
    "jsonPayload..a",
    "jsonPayload.",
    "met.a",
)
NO_ARGUMENTS = ('log_id("")', "source(5)", 'source("abc")', "source(folders/)", "ip_in_net(jsonPayload.ip, 10.0.0.0/8)")


@pytest.mark.parametrize(
    "text",
    [
        AUDIT_FILTER,
        NO_AUDIT_LOG,
        EVERYTHING,
        "",
        "severity>=500",
        "resource.type=gce_instance severity<ERROR sample(insertId, 0.99)",
        'resource.type = ("gce_instance" OR "gke_cluster") AND NOT textPayload:robot',
        'severity=(ERROR OR WARNING) -resource.labels.zone="asia-northeast1-a"',
        'labels."k8s-pod/app"="x" OR (jsonPayload.n > -5 AND http_request.status=404)',
        'ip_in_net(jsonPayload.ip, "10.0.0.0/8") AND SEARCH(textPayload, "it is") AND source("projects/p")',
        'textPayload =~ "^a(?:b|c)$" -- what begins with a\nAND "any text"',
        "-" + "(" * DEEPEST + "robot" + ")" * DEEPEST,
        'protoPayload.methodName:(("a" OR "b") AND NOT "c") OR textPayload:(-a)',
        'timestamp>="2027-04-01T08:30:00.123+09:00" AND receive_timestamp<"2027-04-01"',
        "httpRequest.latency>1.5s http_request.status>=500 httpRequest.cacheHit=FALSE severity:* trace:*",
        'split.totalSplits>1 labels:"x" protoPayload.@type="x" metadata.systemLabels.a="b" operation.first=true',
        r'textPayload=~"[[:alpha:]\\d]{2,1000}a(?i)\\z"',
        r'textPayload=~"\\Qa++\\E\\pL[*+](?P<n>x)(?U:y)[[&&~~||a][+--]"',
    ],
)
def test_a_filter_that_is_one(text: str) -> None:
    assert explain_log_filter(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("this is ((( not", "')' is missing at the end"),
        ("severity>=", "a value is missing at the end"),
        ("severity>=LOUD", "'LOUD' is no severity at character 11"),
        ("severity=(ERROR OR LOUD)", "'LOUD' is no severity at character 20"),
        ("severity=(ERROR WARNING)", "stands where AND, OR or ')' must"),
        ("severity=(ERROR", "')' is missing"),
        ("severity = NOT", "stands where a value must"),
        ("severity == ERROR", "'=' at character 11 stands where a value must"),
        ("AND severity=ERROR", "stands where a comparison begins"),
        ("severity=ERROR AND", "a comparison is missing at the end"),
        ("severity=ERROR OR OR x", "'OR' at character 19 stands where"),
        ("severity=ERROR)", "')' at character 15 closes nothing"),
        ("()", "stands where a comparison begins"),
        ("servity=ERROR", "a log entry has no field 'servity' (character 1)"),
        ('"severity"=ERROR', "is a text; a comparison begins with a field's name"),
        ('resource.type="x', "'\"' at character 15 belongs to nothing"),
        ("a;b", "';' at character 2 belongs to nothing; a text with it stands in quotes"),
        ('textPayload=~"("', "is no regular expression (RE2)"),
        ('textPayload=~"(?=a)b"', "is no regular expression (RE2)"),
        ("textPayload=~abc", "is no regular expression (RE2) in quotes"),
        ("sample(insertId, 2)", "sample at character 1 does not take these arguments"),
        ("sample(insertId)", "does not take these arguments"),
        ('ip_in_net(jsonPayload.ip, "10.0.0.0/40")', "does not take these arguments"),
        ('log_id("a", "b")', "does not take these arguments"),
        ('log_id(("a"))', "does not take these arguments"),
        ('log_id("a"', "')' is missing at the end"),
        *((f'textPayload=~"{one}"', "is no regular expression (RE2)") for one in NOT_RE2),
        *((f"{one}=1", f"a log entry has no field {one!r}") for one in NO_FIELDS),
        *((one, "does not take these arguments") for one in NO_ARGUMENTS),
        ("sample(size, 0.5)", "a log entry has no field 'size' (character 8)"),
        ('ip_in_net(ip, "10.0.0.0/8")', "a log entry has no field 'ip'"),
        ('SEARCH(message, "x")', "a log entry has no field 'message'"),
        ("severity=12", "'12' is no severity"),
        ("severity=LOUD1", "'LOUD1' is no severity"),
        ("se_verity=LOUD", "'LOUD' is no severity"),
        ('timestamp>="yesterday"', "'yesterday' is no time such as"),
        ('timestamp>="2027-13-01"', "'2027-13-01' is no time"),
        ('timestamp>="2027-04-01T25:00:00Z"', "is no time"),
        ("timestamp>=5", "'5' is no time"),
        ('httpRequest.status="many"', "'many' is no number at character 20"),
        ("httpRequest.status=nan", "'nan' is no number"),
        ("httpRequest.status=(404 OR (x))", "'x' is no number"),
        ("httpRequest.latency>long", "'long' is no duration"),
        ("traceSampled=maybe", "'maybe' is no true or false"),
        ("resource=gce", "a group of fields is only asked with ':'"),
        ("textPayload:" + "(" * 60 + "a" + ")" * 60, f"more than {DEEPEST} parentheses"),
        ("cast(severity, STRING)", "the function 'cast' at character 1 is not known here"),
        ("(" * 60 + "a" + ")" * 60, f"more than {DEEPEST} parentheses"),
        ("a" * (LONGEST + 1), f"at most {LONGEST} are taken"),
    ],
)
def test_a_filter_that_is_none(text: str, said: str) -> None:
    assert said in explain_log_filter(text)


@pytest.mark.parametrize("name", ["a", "Load-balancer_1.x", "a" * 100])
def test_a_name_that_is_taken(google: OfflineGoogle, name: str) -> None:
    assert google.create(EXCLUSION, exclusion(name)).name == name
    assert google.create(SINK, sink(name=name, exclusions=[exclusion(name)])).name == name
    assert google.create(LOG_BUCKET, plain_bucket(bucketId=name)).id.endswith(f"/buckets/{name}")


@pytest.mark.parametrize("name", ["", "-a", "_a", ".a", "a b", "a/b", "a" * 101, "日本"])
def test_a_name_that_is_refused(google: OfflineGoogle, name: str) -> None:
    for token, values, field in (
        (EXCLUSION, exclusion(name), "name"),
        (SINK, sink(name=name), "name"),
        (SINK, sink(exclusions=[exclusion(name)]), r"exclusions\[0\].name"),
        (LOG_BUCKET, plain_bucket(bucketId=name), "bucketId"),
    ):
        with pytest.raises(
            GoogleRefusal, match=rf"Error 400: Invalid value for field '{field}': '{name}'. It has 1 to"
        ):
            google.create(token, values)


@pytest.mark.parametrize("name", ["/a", "a b", "a" * 101])
def test_a_metrics_name_and_filter(google: OfflineGoogle, name: str) -> None:
    assert google.create(METRIC, {"name": "nginx/requests", "filter": AT_LEAST_ERROR}).id
    with pytest.raises(GoogleRefusal, match=r"Invalid value for field 'name'"):
        google.create(METRIC, {"name": name, "filter": AT_LEAST_ERROR})
    with pytest.raises(GoogleRefusal, match=r"'filter': Unparseable filter"):
        google.create(METRIC, {"name": "m", "filter": "((("})


@pytest.mark.parametrize("text", ["", " ", "severity>=LOUD", "((("])
def test_an_exclusion_without_a_filter_of_googles(google: OfflineGoogle, text: str) -> None:
    with pytest.raises(GoogleRefusal, match=r"Invalid value for field 'filter': (Unparseable|a filter must be given)"):
        google.create(EXCLUSION, exclusion(text=text))
    with pytest.raises(GoogleRefusal, match=r"Invalid value for field 'exclusions\[0\].filter'"):
        google.create(SINK, sink(exclusions=[exclusion(text=text)]))


def test_a_sink_takes_everything_where_it_has_no_filter(google: OfflineGoogle) -> None:
    assert google.create(SINK, sink(filter="")).id
    with pytest.raises(GoogleRefusal, match=r"'filter': Unparseable filter: a comparison is missing at the end"):
        google.create(SINK, sink(name="other", filter="("))


def test_how_many_exclusions_there_are(google: OfflineGoogle) -> None:
    for number in range(10):
        google.create(EXCLUSION, exclusion(f"n{number}"))
    assert google.update(EXCLUSION, f"projects/{PROJECT}/exclusions/n0", exclusion("n0", "robot")).id
    with pytest.raises(GoogleRefusal, match=r"at most 10 exclusions, and there are 10 already"):
        google.create(EXCLUSION, exclusion("one-more"))
    many = [exclusion(f"n{number}") for number in range(51)]
    assert google.create(SINK, sink(exclusions=many[:50])).id
    with pytest.raises(GoogleRefusal, match=r"a sink has at most 50; there are 51"):
        google.create(SINK, sink(name="other", exclusions=many))
    with pytest.raises(GoogleRefusal, match=r"two are called 'n0'"):
        google.create(SINK, sink(name="other", exclusions=[many[0], many[0]]))


@pytest.mark.parametrize(("days", "fits"), [(1, True), (3650, True), (0, False), (-1, False), (3651, False)])
def test_how_long_a_log_bucket_keeps(google: OfflineGoogle, days: int, *, fits: bool) -> None:
    if fits:
        assert google.create(LOG_BUCKET, plain_bucket(retentionDays=days)).id
        return
    with pytest.raises(GoogleRefusal, match=rf"'retentionDays': {days} is outside 1 to 3650 days"):
        google.create(LOG_BUCKET, plain_bucket(retentionDays=days))


def test_a_locked_log_bucket_keeps_its_retention(google: OfflineGoogle) -> None:
    made = google.create(LOG_BUCKET, plain_bucket(locked=True))
    assert google.update(LOG_BUCKET, made.id, plain_bucket(locked=True, description="d")).id
    for change in ({"retentionDays": 30}, {"retentionDays": 500}, {"locked": False}):
        with pytest.raises(GoogleRefusal, match=r"is locked: its retention is never changed"):
            google.update(LOG_BUCKET, made.id, plain_bucket(**{"locked": True, **change}))
    with pytest.raises(GoogleRefusal, match=r"'logs' is locked, and cannot be deleted before"):
        google.delete(LOG_BUCKET, made.id)
    assert google.read(LOG_BUCKET, made.id)
    other = google.create(LOG_BUCKET, plain_bucket(bucketId="other"))
    google.delete(LOG_BUCKET, other.id)
    assert google.read(LOG_BUCKET, other.id) is None


@pytest.mark.parametrize(
    ("token", "values"),
    [
        (METRIC, {"name": "m", "filter": "robot", "valueExtractor": "anything"}),
        (METRIC, {"name": "m", "filter": "robot", "labelExtractors": {"a": "anything"}}),
        (METRIC, {"name": "m", "filter": "robot", "bucketName": "anything"}),
        (METRIC, {"name": "m", "filter": "robot", "bucketOptions": {"explicitBuckets": {"bounds": [1]}}}),
        (SINK, sink(bigqueryOptions={"usePartitionedTables": True})),
        (SINK, sink(customWriterIdentity="serviceAccount:nobody@example")),
        (LOG_BUCKET, plain_bucket(enableAnalytics=True)),
        (LOG_BUCKET, plain_bucket(indexConfigs=[{"fieldPath": "anything", "type": "ANY"}])),
    ],
)
def test_settings_of_logs_that_are_not_known_here(google: OfflineGoogle, token: str, values: dict[str, Any]) -> None:
    with pytest.raises(
        GoogleRefusal, match=rf"Error 501: the offline Google does not model {[*values][-1]} of logging"
    ):
        google.create(token, values)


def test_a_log_bucket_gets_its_key_when_it_is_made(google: OfflineGoogle) -> None:
    key = a_key(google).id
    grant(google, key, make_agent(google, "logging"))
    plain = google.create(LOG_BUCKET, plain_bucket())
    with_key = plain_bucket(cmekSettings={"kmsKeyName": key})
    with pytest.raises(GoogleRefusal, match=r"no key can be given or taken away"):
        google.update(LOG_BUCKET, plain.id, with_key)
    other = google.create(LOG_BUCKET, log_bucket("other", key))
    with pytest.raises(GoogleRefusal, match=r"no key can be given or taken away"):
        google.update(LOG_BUCKET, other.id, plain_bucket(bucketId="other"))


@pytest.mark.parametrize("name", ["_Default", "_Required"])
def test_googles_own_log_buckets_are_not_known_here(google: OfflineGoogle, name: str) -> None:
    with pytest.raises(GoogleRefusal, match=rf"Error 501: the offline Google does not model {name}"):
        google.create(LOG_BUCKET, plain_bucket(bucketId=name, location="global"))


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        (f"{LOGS}/locations/{TOKYO}/buckets/logs", ""),
        (f"{LOGS}/locations/global/buckets/_Default", ""),
        (LOGS, ""),
        ("storage.googleapis.com/kept", ""),
        (f"{LOGS}/locations/{TOKYO}/buckets/elsewhere", "Error 404"),
        (f"{LOGS}/locations/{TOKYO}/buckets/_Default", "Error 404"),
        (f"{LOGS}/locations/asia-northeast2/buckets/logs", "Error 404"),
        ("logging.googleapis.com/projects/elsewhere", "Error 404"),
        ("logging.googleapis.com/projects/elsewhere/locations/global/buckets/_Default", "Error 404"),
        ("storage.googleapis.com/nowhere", "Error 404"),
        (f"bigquery.googleapis.com/projects/{PROJECT}/datasets/d", "Error 501"),
        (f"pubsub.googleapis.com/projects/{PROJECT}/topics/t", "Error 501"),
        ("", "Error 400"),
        ("kept", "Error 400"),
        ("gs://kept", "Error 400"),
    ],
)
def test_a_sink_leads_somewhere(google: OfflineGoogle, destination: str, said: str) -> None:
    google.create(LOG_BUCKET, plain_bucket())
    google.create(BUCKET, {"name": "kept", "location": TOKYO})
    if not said:
        assert google.create(SINK, sink(destination=destination)).id
        return
    with pytest.raises(GoogleRefusal, match=said):
        google.create(SINK, sink(destination=destination))


def test_a_preview_refuses_a_filter_and_waits_for_what_is_unknown(google: OfflineGoogle) -> None:
    def preview(**values: Any) -> None:  # noqa: ANN401 JSON
        inputs = write_properties(sink(**values))
        create_resource(google, provider_pb2.CreateRequest(type=SINK, name="s", properties=inputs, preview=True))

    preview(destination=UNKNOWN, filter=UNKNOWN)
    with pytest.raises(GoogleRefusal, match=r"Unparseable filter"):
        preview(destination=UNKNOWN, filter="(((")


@pytest.mark.parametrize(
    ("source", "service"),
    [
        ("storage/getProjectServiceAccount:getProjectServiceAccount", "storage"),
        ("logging/getProjectCmekSettings:getProjectCmekSettings", "logging"),
        ("organizations/getProject:getProject", "cloudresourcemanager"),
    ],
)
def test_a_data_source_needs_its_api(tmp_path: Path, source: str, service: str) -> None:
    google = OfflineGoogle(WorldStore(tmp_path / "w"), {"project": PROJECT})
    request = provider_pb2.InvokeRequest(tok=f"gcp:{source}")
    with pytest.raises(GoogleRefusal, match=rf"Error 403: {service}.googleapis.com has not been used in project"):
        invoke_function(google, request)
    google.create(SERVICE, {"service": f"{service}.googleapis.com"})
    assert invoke_function(google, request)


@pytest.mark.parametrize(
    ("token", "values", "service"),
    [
        (BUCKET, {"name": "logs", "location": TOKYO}, "storage"),
        (LOG_BUCKET, plain_bucket(), "logging"),
        (PROJECT_MEMBER, {"project": PROJECT, "role": "roles/viewer", "member": "domain:x"}, "cloudresourcemanager"),
        (
            "gcp:monitoring/dashboard:Dashboard",
            {"dashboardJson": '{"displayName": "d", "mosaicLayout": {"columns": 12, "tiles": []}}'},
            "monitoring",
        ),
    ],
)
def test_what_the_console_switches_on_a_program_must(
    tmp_path: Path, token: str, values: dict[str, Any], service: str
) -> None:
    google = OfflineGoogle(WorldStore(tmp_path / "w"), {"project": PROJECT})
    with pytest.raises(GoogleRefusal, match=rf"Error 403: {service}.googleapis.com has not been used in project"):
        google.create(token, values)
