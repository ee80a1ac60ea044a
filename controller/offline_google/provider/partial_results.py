"""Answers that are neither yes nor no: a resource that was made but did not come up, an answer that got lost."""

from __future__ import annotations

import threading
from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, status_pb2

from controller.offline_google.world.injected_faults import FaultRule


def raise_partial_result(
    context: grpc.ServicerContext, rule: FaultRule, identity: str, properties: Struct, inputs: Struct
) -> NoReturn:
    """End a call whose work was done, as the injected fault says.

    `partial`: the engine is told that the resource is there and what is wrong with it. `lost`: it hears nothing of it.
    `hang`: it waits.
    """
    if rule.fault == "hang":
        over = threading.Event()
        context.add_callback(over.set)
        over.wait()
    message = f"googleapi: Error 500: internal error while waiting for '{identity}' (injected: {rule.name})"
    if rule.fault == "partial":
        detail = provider_pb2.ErrorResourceInitFailed(
            id=identity, properties=properties, inputs=inputs, reasons=[message]
        )
        packed = Packed(
            type_url="type.googleapis.com/pulumirpc.ErrorResourceInitFailed", value=detail.SerializeToString()
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
