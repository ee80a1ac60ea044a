"""Every injected failure, through the real messages: what the engine hears, what there is afterwards, and the count."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from controller.offline_google.provider.provider import OfflineProvider
from controller.offline_google.schema.facts import read_sdk_version
from controller.offline_google.schema.pulumi_values import write_properties
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.injected_faults import FaultRule, format_rules, read_rules
from tests.offline_google.worlds import ADDRESS, GLOBAL_ADDRESS, NETWORK, OSAKA, PROJECT, TOKYO

Stub = provider_pb2_grpc.ResourceProviderStub


@pytest.fixture
def faults(tmp_path: Path) -> Path:
    return tmp_path / "faults.json"


@pytest.fixture
def engine(google: OfflineGoogle, faults: Path) -> Iterator[Stub]:
    provider = OfflineProvider(google.store, faults)
    server = grpc.server(ThreadPoolExecutor(2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = Stub(channel)
        stub.Configure(provider_pb2.ConfigureRequest(args=write_properties({"project": PROJECT})))
        yield stub
    server.stop(None).wait()


def make(engine: Stub, token: str = NETWORK, name: str = "main", **more: Any) -> provider_pb2.CreateResponse:  # noqa: ANN401
    wire = write_properties({"name": name, **more})
    made: provider_pb2.CreateResponse = engine.Create(
        provider_pb2.CreateRequest(type=token, name=name, properties=wire)
    )
    return made


def said(failure: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    return str(failure.value.details())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("conflict", "Error 409"),
        ("quota", "Error 403: Quota"),
        ("rate", "Error 429"),
        ("unavailable", "Error 503"),
        ("timeout", "timeout while waiting"),
    ],
)
def test_a_failure_in_which_nothing_is_made(
    engine: Stub, google: OfflineGoogle, faults: Path, fault: str, words: str
) -> None:
    faults.write_text(format_rules([FaultRule("once", fault, call="create", times=1)]), encoding="utf-8")
    with pytest.raises(grpc.RpcError) as failure:
        make(engine)
    assert words in said(failure)
    assert google.store.all(NETWORK) == []
    assert make(engine).id  # it met one call, as was asked
    assert google.store.faults() == {"once": 1}


def test_a_partial_creation_tells_the_engine_what_is_there(engine: Stub, google: OfflineGoogle, faults: Path) -> None:
    faults.write_text(format_rules([FaultRule("half", "partial", type=NETWORK)]), encoding="utf-8")
    with pytest.raises(grpc.RpcError) as failure:
        make(engine)
    trailing = {entry.key: entry.value for entry in failure.value.trailing_metadata() or ()}
    status = status_pb2.Status.FromString(bytes(trailing["grpc-status-details-bin"]))
    detail = provider_pb2.ErrorResourceInitFailed.FromString(status.details[0].value)
    assert detail.id == google.store.all(NETWORK)[0].id
    assert "Error 500" in detail.reasons[0]


def test_a_lost_answer_leaves_a_resource_behind(engine: Stub, google: OfflineGoogle, faults: Path) -> None:
    faults.write_text(format_rules([FaultRule("lost", "lost", resource="ma*")]), encoding="utf-8")
    with pytest.raises(grpc.RpcError):
        make(engine)
    assert [found.name for found in google.store.all(NETWORK)] == ["main"]


def test_a_lost_answer_to_a_deletion_or_a_question_is_an_error_all_the_same(
    engine: Stub, google: OfflineGoogle, faults: Path
) -> None:
    standing = make(engine)
    faults.write_text(format_rules([FaultRule("lost", "lost", times=2)]), encoding="utf-8")
    gone = provider_pb2.DeleteRequest(type=NETWORK, id=standing.id, properties=standing.properties)
    reading = provider_pb2.ReadRequest(type=NETWORK, id=standing.id, properties=standing.properties)
    for call in (lambda: engine.Read(reading), lambda: engine.Delete(gone)):
        with pytest.raises(grpc.RpcError) as failure:
            call()
        assert "injected: lost" in said(failure)
    assert google.store.all(NETWORK) == []
    engine.Delete(gone)  # what is gone already is no error


def test_nothing_is_half_made_by_a_call_that_makes_nothing(engine: Stub, faults: Path) -> None:
    standing = make(engine)
    faults.write_text(format_rules([FaultRule("half", "partial")]), encoding="utf-8")
    engine.Delete(provider_pb2.DeleteRequest(type=NETWORK, id=standing.id, properties=standing.properties))
    with pytest.raises(grpc.RpcError):
        make(engine)


def test_a_call_that_hangs_ends_with_its_caller(engine: Stub, google: OfflineGoogle, faults: Path) -> None:
    faults.write_text(format_rules([FaultRule("slow", "hang")]), encoding="utf-8")
    wire = write_properties({"name": "main"})
    with pytest.raises(grpc.RpcError) as failure:
        engine.Create(provider_pb2.CreateRequest(type=NETWORK, name="main", properties=wire), timeout=0.5)
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert google.store.faults() == {"slow": 1}


def test_a_whole_region_that_does_not_answer(engine: Stub, google: OfflineGoogle, faults: Path) -> None:
    standing = make(engine, ADDRESS, "vpn", region=TOKYO)
    faults.write_text(format_rules([FaultRule("tokyo", "unavailable", region=TOKYO)]), encoding="utf-8")
    reading = provider_pb2.ReadRequest(type=ADDRESS, id=standing.id, properties=standing.properties)
    gone = provider_pb2.DeleteRequest(type=ADDRESS, id=standing.id, properties=standing.properties)
    for call in (
        lambda: make(engine, ADDRESS, "second", region=TOKYO),
        lambda: engine.Read(reading),
        lambda: engine.Delete(gone),
    ):
        with pytest.raises(grpc.RpcError) as failure:
            call()
        assert "Error 503" in said(failure)
    assert make(engine, ADDRESS, "third", region=OSAKA).id
    assert make(engine, GLOBAL_ADDRESS, "front").id
    assert google.store.faults() == {"tokyo": 3}


def test_rules_that_are_not_understood_are_refused(tmp_path: Path) -> None:
    for number, text in enumerate(('[{"name": "a", "fault": "fire"}]', '[{"name": "a", "fault": "lost", "when": 1}]')):
        file = tmp_path / f"{number}.json"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="a rule needs a name and a fault"):
            read_rules(file)


@pytest.mark.parametrize("call", ["delete", "read", "d*"])
def test_a_half_made_result_of_a_call_that_makes_nothing_is_refused(tmp_path: Path, call: str) -> None:
    file = tmp_path / "faults.json"
    file.write_text(format_rules([FaultRule("half", "partial", call=call)]), encoding="utf-8")
    with pytest.raises(ValueError, match="'partial' meets create and update alone"):
        read_rules(file)


def test_a_refusal_reaches_the_engine_in_googles_words(engine: Stub) -> None:
    make(engine)
    with pytest.raises(grpc.RpcError) as failure:
        make(engine)
    assert said(failure) == (
        "googleapi: Error 409: The resource 'projects/school-lab/global/networks/main' already exists, alreadyExists"
    )


def test_only_project_region_and_zone_are_configuration(engine: Stub) -> None:
    answer = engine.CheckConfig(provider_pb2.CheckRequest(news=write_properties({"credentials": "x", "project": "p"})))
    assert [failure.property for failure in answer.failures] == ["credentials"]


def test_another_project_replaces_everything(engine: Stub) -> None:
    old, new = write_properties({"project": "a"}), write_properties({"project": "b"})
    assert list(engine.DiffConfig(provider_pb2.DiffRequest(olds=old, news=new)).replaces) == ["project"]


def test_the_version_is_the_sdks_and_the_facts_fit_it(engine: Stub) -> None:
    assert engine.GetPluginInfo(Empty()).version == version("pulumi-gcp") == read_sdk_version()


def _started(state: Path, *, offline: bool) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TSUNAGU_OFFLINE"}
    environment |= {
        "TSUNAGU_OFFLINE_STATE": str(state / "world.sqlite"),
        **({"TSUNAGU_OFFLINE": "1"} if offline else {}),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "controller.offline_google.provider.provider"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_does_not_start_unless_it_is_asked_to_be_offline(tmp_path: Path) -> None:
    process = _started(tmp_path, offline=False)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "it starts only with TSUNAGU_OFFLINE=1" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["interrupt", "hang up"])
def test_it_says_offline_first_and_ends_with_the_engine(tmp_path: Path, end: str) -> None:
    process = _started(tmp_path, offline=True)
    with contextlib.ExitStack() as streams:
        for stream in (process.stdin, process.stdout, process.stderr):
            streams.enter_context(stream or contextlib.nullcontext())
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline().startswith("OFFLINE")
        assert int(process.stdout.readline()) > 0
        if end == "interrupt":
            process.terminate()
        elif process.stdin is not None:
            process.stdin.close()
        assert process.wait(timeout=10) == 0
