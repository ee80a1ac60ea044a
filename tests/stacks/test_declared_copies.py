"""Copies of an application's files: a locked bucket in another region, and the job that fills it each night."""

from __future__ import annotations

import pytest

from controller.model.city import City
from stacks.guardrails.guardrail import CheckedResource
from stacks.guardrails.pack import GUARDRAILS
from stacks.settings.read_configuration import ConfigurationRefused
from tests.stacks.declared import changed, configured, declare, list_twice_named
from tests.stacks.test_declared import COPIED, complaints

COPIES = "applications/affairs/files/copies"
TRANSFER = "serviceAccount:project-1@storage-transfer-service.iam.gserviceaccount.com"


def test_files_are_copied_into_a_locked_bucket_in_the_other_region(city: City) -> None:
    recorder, _ = declare(city, changed("production", {COPIES: {"region": "osaka"}}))
    assert complaints(recorder.declared) == []
    assert list_twice_named(recorder.declared) == []
    buckets = {one.name: one.inputs for one in recorder.of("Bucket")}
    sink, source = (buckets[f"tsunagu-kawasaki-production-affairs-{one}"] for one in ("copies", "files"))
    assert sink["location"] == "ASIA-NORTHEAST2"
    assert sink["retentionPolicy"] == {"retentionPeriod": str(30 * 86400), "isLocked": True}
    assert sink["encryption"] == {"defaultKmsKeyName": "CryptoKey/keys-copies-osaka"}
    # Copied to both regions within a quarter of an hour, and each night into a bucket that nobody empties.
    assert (source["location"], source["rpo"]) == ("ASIA1", "ASYNC_TURBO")
    (job,) = recorder.of("TransferJob")
    assert job.inputs["name"] == "transferJobs/tsunagu-production-affairs-copies", (
        "Google takes no name of the engine's"
    )
    names = {side: one["bucketName"] for side, one in job.inputs["transferSpec"].items() if side.startswith("gcs")}
    assert names == {
        "gcsDataSource": "tsunagu-kawasaki-production-affairs-files",
        "gcsDataSink": "tsunagu-kawasaki-production-affairs-copies",
    }
    granted = {
        (one.inputs["bucket"].rpartition("-")[2], one.inputs["role"].rpartition(".")[2])
        for one in recorder.of("BucketIAMMember")
        if one.inputs["member"] == TRANSFER
    }
    assert granted == {
        ("files", "objectViewer"),
        ("files", "bucketViewer"),
        ("copies", "objectUser"),
        ("copies", "bucketViewer"),
    }
    for one in recorder.declared:
        if one.type.startswith("gcp:"):
            project = configured("production").google.project
            found = CheckedResource(one.type, one.name, one.inputs, "production", protected=True, project=project)
            stopping = [guardrail for guardrail in GUARDRAILS if guardrail.stops]
            assert [v for guardrail in stopping for v in guardrail.check(found)] == []


def test_nothing_is_copied_that_does_not_ask_for_it(city: City) -> None:
    recorder, _ = declare(city, configured("production"))
    assert recorder.of("TransferJob") == []
    assert "services-storagetransfer" not in [one.name for one in recorder.declared]


@pytest.mark.parametrize(
    ("stack", "value", "words"),
    [
        ("lab", {"region": "osaka"}, "copies.locked: a locked bucket can never be destroyed"),
        ("production", {"region": "nagoya"}, "copies.region: unknown region 'nagoya'"),
        ("production", {"region": "osaka", "retention-days": 0}, "copies.retention-days"),
        ("production", {"region": "osaka", "retention-days": 3651}, "copies.retention-days"),
    ],
)
def test_copies_that_cannot_be_are_refused(stack: str, value: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        changed(stack, {COPIES: value})
    assert words in "\n".join(map(str, refused.value.problems))
    assert changed("lab", COPIED)
