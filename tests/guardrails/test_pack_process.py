"""The pack as the engine starts it: a process that is told of a stack, and then asked about resources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

ROOT = Path(__file__).parents[2]
BUCKET, SINK = "gcp:storage/bucket:Bucket", "gcp:logging/projectSink:ProjectSink"
FIREWALL, KNOWN = "gcp:compute/firewall:Firewall", "known-types"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's mark of a text that is not known in a preview."""
SEOUL = [{"id": "seoul", "location": "asia-northeast3", "name": "Seoul"}]


class Pack:
    """A running pack."""

    def __init__(self, port: int) -> None:
        self.stub: Any = analyzer_pb2_grpc.AnalyzerStub(grpc.insecure_channel(f"127.0.0.1:{port}"))

    def configure(self, **values: object) -> None:
        config = {f"tsunagu:{key}": json.dumps(value) for key, value in values.items()}
        self.stub.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(stack="staging", config=config))

    def violations(self, kind: str, guardrail: str = "stack-regions-only", **inputs: object) -> list[str]:
        """What a guardrail says of a resource."""
        asked = analyzer_pb2.AnalyzeRequest(
            type=kind, name="it", urn=f"urn:pulumi:staging::tsunagu::{kind}::it", properties=ParseDict(inputs, Struct())
        )
        found = self.stub.Analyze(asked, timeout=30).diagnostics
        return [one.message for one in found if one.policyName == guardrail]


@pytest.fixture(scope="module")
def pack() -> Iterator[Pack]:
    command, english = [sys.executable, str(ROOT / "stacks/guardrails")], {**os.environ, "LC_ALL": "C"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=english) as process:
        assert process.stdout is not None
        yield Pack(int(process.stdout.readline()))
        process.kill()


def test_the_pack_asks_for_the_regions_of_the_stack_that_it_is_told(pack: Pack) -> None:
    pack.configure(regions=SEOUL)
    assert pack.violations(BUCKET, location="asia-northeast3") == []
    assert "outside the stack's Seoul (asia-northeast3)" in pack.violations(BUCKET, location="asia-northeast1")[0]
    pack.configure()
    assert pack.violations(BUCKET, location="asia-northeast1") == []
    assert "outside the stack's" in pack.violations(BUCKET, location="asia-northeast3")[0]


@pytest.mark.parametrize("regions", [5, [], "tokyo", [{"id": 1}], SEOUL * 4])
def test_a_configuration_that_is_none_is_refused_in_words(pack: Pack, regions: object) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        pack.configure(regions=regions)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(refused.value.details()).startswith(
        "the guardrails cannot read 'tsunagu:google' or 'tsunagu:regions' of"
    )


def test_a_configuration_in_the_environment_that_is_none_ends_in_words() -> None:
    given = os.environ | {"PULUMI_CONFIG": json.dumps({"tsunagu:regions": "5"}), "LC_ALL": "C"}
    command = [sys.executable, str(ROOT / "stacks/guardrails")]
    ended = subprocess.run(command, capture_output=True, text=True, env=given, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("the guardrails cannot read ")
    assert len(ended.stderr.splitlines()) == 1


def test_the_pack_knows_the_buckets_of_the_project_that_it_is_told(pack: Pack) -> None:
    pack.configure(google={"project": "school-lab"})
    assert pack.violations(SINK, destination="storage.googleapis.com/school-lab-audit") == []
    assert "nothing here says where it lies" in pack.violations(SINK, destination="storage.googleapis.com/others")[0]


def test_the_pack_asks_about_other_providers_and_leaves_what_the_engine_has_itself(pack: Pack) -> None:
    pack.configure()
    assert "of another provider than gcp" in pack.violations("aws:s3/bucketV2:BucketV2", KNOWN, acl="private")[0]
    assert "KNOWN_TYPES" in pack.violations("gcp:notebooks/instance:Instance", KNOWN)[0]
    assert "of another provider" in pack.violations("pulumi:providers:aws", KNOWN)[0]
    for kind in ("pulumi:pulumi:Stack", "pulumi:providers:gcp", "tsunagu:cloud:Foundation", BUCKET):
        assert pack.violations(kind, KNOWN) == []


def test_what_a_preview_does_not_know_is_judged_in_the_deployment(pack: Pack) -> None:
    pack.configure()
    opened = {"network": "vpc", "direction": "INGRESS", "allows": [{"protocol": "tcp", "ports": ["443"]}]}
    assert pack.violations(FIREWALL, "nothing-public", **opened, sourceRanges=[UNKNOWN]) == []
    assert pack.violations(FIREWALL, "nothing-public", **opened, sourceRanges=UNKNOWN) == []
    (said,) = pack.violations(FIREWALL, "nothing-public", **opened, sourceRanges=["0.0.0.0/0"])
    assert said.splitlines()[-1] == "it lets the internet in (0.0.0.0/0): name who may (guideline 6.2(1), 6.1(7))"
