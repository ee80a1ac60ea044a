"""The Pulumi provider `gcp` that deploys to the offline Google: `pulumi-resource-gcp`, started by the engine.

It starts only with TSUNAGU_OFFLINE=1 and says OFFLINE in its first line. What it proves: the engine's semantics, the
schema, references. What it cannot: that Google accepts it, permissions, quota.
"""

from __future__ import annotations

import importlib.metadata
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from controller.offline_google.environment import FAULTS, OFFLINE, STATE, RehearsalFolder, is_offline
from controller.offline_google.models.unmodelled import NO_EXCEPTIONS
from controller.offline_google.provider import operations
from controller.offline_google.provider.partial_results import raise_partial_result
from controller.offline_google.provider.provider_settings import (
    PLACES,
    SETTINGS,
    UNVERIFIED,
    choose_caller,
    choose_exceptions,
    find_setting_faults,
)
from controller.offline_google.schema.facts import UnknownType
from controller.offline_google.schema.pulumi_values import read_properties
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.iam.callers import Caller
from controller.offline_google.world.injected_faults import EngineCall, FaultRule, find_injected_fault, make_refusal
from controller.offline_google.world.world_store import WorldStore

_MESSAGE_LIMIT = 400 * 1024 * 1024
_CALLS_AT_ONCE = 16

Context = grpc.ServicerContext
Answer = TypeVar("Answer")


class OfflineProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine. Every refusal becomes an error of the call, with Google's words."""

    def __init__(self, store: WorldStore, faults: Path | None) -> None:
        self.google = OfflineGoogle(store)
        self.caller = Caller()
        self.faults = faults
        self.exceptions = NO_EXCEPTIONS

    def Handshake(  # noqa: N802 the protocol's names
        self, request: provider_pb2.ProviderHandshakeRequest, context: Context
    ) -> provider_pb2.ProviderHandshakeResponse:
        """What this provider can do. Secrets are the engine's: it takes them out, and marks them again."""
        del request, context
        return provider_pb2.ProviderHandshakeResponse(supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version of the SDK that programs here use."""
        del request, context
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi-gcp"))

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: Context
    ) -> provider_pb2.CheckResponse:
        """The provider's own settings: a project, who calls, and nothing that would need real credentials."""
        del context
        failures = [
            provider_pb2.CheckFailure(property=name, reason=f"{name}: {reason}")
            for name, reason in find_setting_faults(read_properties(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: Context
    ) -> provider_pb2.DiffResponse:
        """Another project makes other resources: everything of this provider is replaced, as with the real one."""
        del context
        old, new = read_properties(request.olds), read_properties(request.news)
        changed = sorted(name for name in (*SETTINGS, UNVERIFIED) if old.get(name) != new.get(name))
        response = provider_pb2.DiffResponse
        return response(
            changes=response.DIFF_SOME if changed else response.DIFF_NONE,
            diffs=changed,
            replaces=["project"] if "project" in changed else [],
        )

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: Context
    ) -> provider_pb2.ConfigureResponse:
        """Take the project, region and zone that resources have where they name none, and who calls."""
        del context
        given = read_properties(request.args)
        defaults = {name: given[name] for name in PLACES if isinstance(given.get(name), str)}
        self.caller = choose_caller(given)
        self.google = OfflineGoogle(self.google.store, defaults)
        self.exceptions = choose_exceptions(given)
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:  # noqa: N802
        """The inputs against the facts, and filled with defaults."""
        return _answer(context, lambda: operations.check_resource(request, self.exceptions))

    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:  # noqa: N802
        """What a change means."""
        return _answer(context, lambda: operations.diff_resource(self.google, request))

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: Context
    ) -> provider_pb2.CreateResponse:
        """Make a resource; in a preview, say what is known of it."""
        call = EngineCall("create", request.type, request.name, read_properties(request.properties))
        rule = None if request.preview else self._begin_call(context, call)
        made = _answer(context, lambda: operations.create_resource(self.google, request))
        if rule is not None:
            raise_partial_result(context, rule, made.id, made.properties, request.properties)
        return made

    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:  # noqa: N802
        """A resource as it is now; without an id where it is gone."""
        call = EngineCall("read", request.type, request.name, read_properties(request.properties))
        rule = self._begin_call(context, call)
        found = _answer(context, lambda: operations.read_resource(self.google, request))
        if rule is not None:
            raise_partial_result(context, rule, request.id, request.properties, request.properties)
        return found

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: Context
    ) -> provider_pb2.UpdateResponse:
        """Change a resource in place."""
        call = EngineCall("update", request.type, request.name, read_properties(request.news))
        rule = None if request.preview else self._begin_call(context, call)
        partner = None if request.preview else operations.find_update_partner(self.google, request)
        if partner is not None:
            # A switchover is as much a call to the old primary, and fails where that one does not answer.
            self._begin_call(context, EngineCall("update", request.type, partner.name, partner.outputs))
        changed = _answer(context, lambda: operations.update_resource(self.google, request))
        if rule is not None:
            raise_partial_result(context, rule, request.id, changed.properties, request.news)
        return changed

    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:  # noqa: N802
        """Remove a resource."""
        call = EngineCall("delete", request.type, request.name, read_properties(request.properties))
        rule = self._begin_call(context, call)
        gone = _answer(context, lambda: operations.delete_resource(self.google, request))
        if rule is not None:
            raise_partial_result(context, rule, request.id, request.properties, request.properties)
        return gone

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: Context
    ) -> provider_pb2.InvokeResponse:
        """The few data sources that the stacks use."""
        _answer(context, lambda: self.caller.check_impersonation(self.google.store))
        return _answer(context, lambda: operations.invoke_function(self.google, request))

    def Cancel(self, request: Empty, context: Context) -> Empty:  # noqa: N802
        """Nothing here takes long enough to be cancelled."""
        del request, context
        return Empty()

    def _begin_call(self, context: Context, call: EngineCall) -> FaultRule | None:
        """Fail a call that Google would not take from this caller, or as an injected fault asks.

        The fault's rule comes back where the work is to be done all the same.
        """
        _answer(context, lambda: self.caller.check_call(self.google.store, call.type))
        rule = find_injected_fault(self.google.store, self.faults, call)
        refused = None if rule is None else make_refusal(rule)
        if refused is not None:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
        return rule


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Serve the engine that started this process, until it asks to stop or has gone. Exit code 1 when not offline."""
    if not is_offline(environment):
        sys.stderr.write(
            f"pulumi-resource-gcp of Tsunagu is the OFFLINE Google: it starts only with {OFFLINE}=1. "
            "To deploy to Google, take tools/engine/offline off PATH and install the real provider.\n"
        )
        return 1
    sys.stderr.write("OFFLINE: this is Tsunagu's stand-in for Google; nothing is deployed anywhere\n")
    faults = environment.get(FAULTS)
    store = WorldStore(Path(environment.get(STATE) or RehearsalFolder().world))
    limits = ("grpc.max_receive_message_length", "grpc.max_send_message_length")
    server = grpc.server(ThreadPoolExecutor(_CALLS_AT_ONCE), options=[(limit, _MESSAGE_LIMIT) for limit in limits])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(
        OfflineProvider(store, Path(faults) if faults else None), server
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _stop())
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 the protocol's first line
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_stop_with_the_engine, daemon=True).start()
    server.wait_for_termination()
    return 0


def _answer(context: Context, work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except (GoogleRefusal, UnknownType, ValueError) as refused:
        context.abort(grpc.StatusCode.UNKNOWN, str(refused))


def _stop_with_the_engine() -> None:
    """Our standard input is a pipe of the engine: its end is the engine's end, also after `kill -9`."""
    while os.read(0, 4096):
        continue
    _stop()


def _stop() -> NoReturn:
    """End at once. What is half done in the store is undone by the store."""
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
