"""`tsunagu monitor`: receive telemetry, keep it, show it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import DEFAULT_POLICIES, SCRATCH, Json, Policies
from controller.cli.output import say_json_line
from controller.operations.operators_file import load_operations
from controller.telemetry.registry import Writer

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")]
StoreFile = Annotated[Path, typer.Option("--store", help="File that what is received is kept in.")]

DEFAULT_PORT = 8600
DEFAULT_STORE = SCRATCH / "monitor.db"


def monitor(
    *,
    port: Port = DEFAULT_PORT,
    store: StoreFile = DEFAULT_STORE,
    policies: Policies = DEFAULT_POLICIES,
    as_json: Json = False,
) -> None:
    """Run the monitor: an OTLP receiver, a store, a page for people and /metrics for Prometheus.

    Point OTEL_EXPORTER_OTLP_ENDPOINT at it, e.g. http://127.0.0.1:8600, where other commands run. Ctrl-C stops it.
    Senders show a token, which the first start makes: a file each for the controller and for probes.
    """
    # In place of this process: a Ctrl-C or a kill reaches the monitor itself, and nothing of the command line stays.
    words = ["-m", "monitoring", "--port", str(port), "--store", str(store), "--policies", str(policies)]
    retention = load_operations(policies=policies).retention
    words += ["--events-days", str(retention.events_days), "--rollouts-days", str(retention.rollouts_days)]
    for writer in Writer:
        words += [f"--{writer}-token", str(find_token_file(writer, policies))]
    if as_json:
        say_json_line({"address": "127.0.0.1", "port": port, "store": str(store)}, form="monitor")
    os.execv(sys.executable, [sys.executable, "-P", *words])  # noqa: S606 this very Python
