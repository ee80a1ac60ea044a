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

from controller.offline_google.environment import FAULTS, OFFLINE, STATE, Rehearsal, offline
from controller.offline_google.provider import operations
from controller.offline_google.provider.partial_results import half_made
from controller.offline_google.provider.pulumi_values import from_wire
from controller.offline_google.provider.schema.facts import UnknownType
from controller.offline_google.world.errors import Refused
from controller.offline_google.world.google import Google
from controller.offline_google.world.injected_faults import Call, Rule, injected, refusal
from controller.offline_google.world.world_store import Store

_MESSAGE_LIMIT = 400 * 1024 * 1024
_CALLS_AT_ONCE = 16
_CONFIGURATION = frozenset({"project", "region", "zone"})
_IGNORED = frozenset({"version", "pluginDownloadURL"})

Context = grpc.ServicerContext
Answer = TypeVar("Answer")


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine. Every refusal becomes an error of the call, with Google's words."""

    def __init__(self, store: Store, faults: Path | None) -> None:
        self.google = Google(store)
        self.faults = faults

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
        """The provider's own configuration: a project, and nothing that would need real credentials."""
        del context
        failures = [
            provider_pb2.CheckFailure(property=name, reason="the offline Google takes only project, region and zone")
            for name in sorted(from_wire(request.news).keys() - _CONFIGURATION - _IGNORED)
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: Context
    ) -> provider_pb2.DiffResponse:
        """Another project makes other resources: everything of this provider is replaced, as with the real one."""
        del context
        old, new = from_wire(request.olds), from_wire(request.news)
        changed = sorted(name for name in _CONFIGURATION if old.get(name) != new.get(name))
        response = provider_pb2.DiffResponse
        return response(
            changes=response.DIFF_SOME if changed else response.DIFF_NONE,
            diffs=changed,
            replaces=["project"] if "project" in changed else [],
        )

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: Context
    ) -> provider_pb2.ConfigureResponse:
        """Take the project, region and zone that resources have where they name none."""
        del context
        given = from_wire(request.args)
        defaults = {name: given[name] for name in _CONFIGURATION if isinstance(given.get(name), str)}
        self.google = Google(self.google.store, defaults)
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:  # noqa: N802
        """The inputs against the facts, and filled with defaults."""
        return _answer(context, lambda: operations.check_inputs(request))

    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:  # noqa: N802
        """What a change means."""
        return _answer(context, lambda: operations.diff(self.google, request))

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: Context
    ) -> provider_pb2.CreateResponse:
        """Make a resource; in a preview, say what is known of it."""
        call = Call("create", request.type, request.name, from_wire(request.properties))
        rule = None if request.preview else self._fault(context, call)
        made = _answer(context, lambda: operations.create(self.google, request))
        if rule is not None:
            half_made(context, rule, made.id, made.properties, request.properties)
        return made

    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:  # noqa: N802
        """A resource as it is now; without an id where it is gone."""
        self._fault(context, Call("read", request.type, request.name, from_wire(request.properties)))
        return _answer(context, lambda: operations.read(self.google, request))

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: Context
    ) -> provider_pb2.UpdateResponse:
        """Change a resource in place."""
        call = Call("update", request.type, request.name, from_wire(request.news))
        rule = None if request.preview else self._fault(context, call)
        changed = _answer(context, lambda: operations.update(self.google, request))
        if rule is not None:
            half_made(context, rule, request.id, changed.properties, request.news)
        return changed

    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:  # noqa: N802
        """Remove a resource."""
        self._fault(context, Call("delete", request.type, request.name, from_wire(request.properties)))
        return _answer(context, lambda: operations.delete(self.google, request))

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: Context
    ) -> provider_pb2.InvokeResponse:
        """The few data sources that the stacks use."""
        return _answer(context, lambda: operations.invoke(self.google, request))

    def Cancel(self, request: Empty, context: Context) -> Empty:  # noqa: N802
        """Nothing here takes long enough to be cancelled."""
        del request, context
        return Empty()

    def _fault(self, context: Context, call: Call) -> Rule | None:
        """Fail the call as an injected fault asks; the rule comes back where the work is to be done all the same."""
        rule = injected(self.google.store, self.faults, call)
        refused = None if rule is None else refusal(rule)
        if refused is not None:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
        return rule


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Serve the engine that started this process, until it asks to stop or has gone. Exit code 1 when not offline."""
    if not offline(environment):
        sys.stderr.write(
            f"pulumi-resource-gcp of Tsunagu is the OFFLINE Google: it starts only with {OFFLINE}=1. "
            "To deploy to Google, take tools/engine/offline off PATH and install the real provider.\n"
        )
        return 1
    sys.stderr.write("OFFLINE: this is Tsunagu's stand-in for Google; nothing is deployed anywhere\n")
    faults = environment.get(FAULTS)
    store = Store(Path(environment.get(STATE) or Rehearsal().world))
    limits = ("grpc.max_receive_message_length", "grpc.max_send_message_length")
    server = grpc.server(ThreadPoolExecutor(_CALLS_AT_ONCE), options=[(limit, _MESSAGE_LIMIT) for limit in limits])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(store, Path(faults) if faults else None), server)
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
    except (Refused, UnknownType, ValueError) as refused:
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
