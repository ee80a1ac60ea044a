"""What a call of the engine's costs the offline Google: its own processor time, over real gRPC.

tests/benchmarks/offline_google.py [RESOURCES]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from controller.offline_google.schema.pulumi_values import write_properties

SECRET = "gcp:secretmanager/secret:Secret"  # noqa: S105 a resource type
INPUTS = {"replication": {"auto": {}}, "labels": {"environment": "lab"}, "deletionProtection": False}


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(number: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TSUNAGU_OFFLINE": "1", "TSUNAGU_OFFLINE_STATE": f"{folder}/world.sqlite"}
        command = [sys.executable, "-m", "controller.offline_google.provider.provider"]
        started = time.monotonic()
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            sys.stdout.write(
                f"start-up: {time.monotonic() - started:.2f} s, {_processor_seconds(process.pid):.2f} s of processor\n"
            )
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                _calls(provider_pb2_grpc.ResourceProviderStub(channel), process.pid, number)
            process.terminate()


def _calls(google: provider_pb2_grpc.ResourceProviderStub, process: int, number: int) -> None:
    google.Configure(provider_pb2.ConfigureRequest(args=write_properties({"project": "school-lab"})))
    enabled = write_properties({"service": "secretmanager.googleapis.com"})
    google.Create(provider_pb2.CreateRequest(type="gcp:projects/service:Service", name="s", properties=enabled))
    wires = [write_properties({**INPUTS, "secretId": f"secret-{place}"}) for place in range(number)]
    made: list[provider_pb2.CreateResponse] = []
    request = provider_pb2

    def measure(what: str, call: Callable[[int], object]) -> None:
        before = _processor_seconds(process)
        for place in range(number):
            call(place)
        spent = (_processor_seconds(process) - before) / number * 1000
        sys.stdout.write(f"{what}: {spent:.2f} ms of processor a call ({number} calls)" + "\n")

    measure("Check", lambda n: google.Check(request.CheckRequest(type=SECRET, name="n", news=wires[n])))
    measure(
        "Create",
        lambda n: made.append(google.Create(request.CreateRequest(type=SECRET, name="n", properties=wires[n]))),
    )
    measure(
        "Diff",
        lambda n: google.Diff(
            request.DiffRequest(id=made[n].id, type=SECRET, olds=made[n].properties, old_inputs=wires[n], news=wires[n])
        ),
    )
    measure("Read", lambda n: google.Read(request.ReadRequest(id=made[n].id, type=SECRET, inputs=wires[n])))
    measure(
        "Delete",
        lambda n: google.Delete(request.DeleteRequest(id=made[n].id, type=SECRET, properties=made[n].properties)),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
