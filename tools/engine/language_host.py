"""The Pulumi language host for Python: what the engine that `make engine` builds starts to run a program.

The official one is a Go program that cannot be had from the Go module registry. This one answers the same protocol
(`LanguageRuntime` in `pulumi.runtime.proto`) and runs the program in its own process, as the SDK's Automation API does.
The engine starts it as `pulumi-language-python`; its first line on stdout is the port it listens on, on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import importlib.metadata
import json
import logging
import os
import platform
import runpy
import signal
import stat
import subprocess
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import IO, NoReturn

import grpc
import pulumi
import pulumi.runtime
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

_MESSAGE_LIMIT = 400 * 1024 * 1024
"""The engine's own limit: the state of a large stack is one message."""
_CALLS_AT_ONCE = 8
_COLLECT_GARBAGE = (100_000, 50, 100)
"""A program makes objects and keeps them for the few seconds that it lives: the interpreter's own thresholds look for
garbage a hundred times as often, and a third of a program's processor time went into finding none."""

Context = grpc.ServicerContext


class ProgramFailed(Exception):
    """The user's program ended badly; the message is what the user shall read."""


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs the program of a stack, and policy packs."""

    def __init__(self) -> None:
        self.children: set[subprocess.Popen[bytes]] = set()
        self._ran = False

    def Handshake(  # noqa: N802 the protocol's names
        self, request: language_pb2.LanguageHandshakeRequest, context: Context
    ) -> language_pb2.LanguageHandshakeResponse:
        """Nothing to agree upon."""
        del request, context
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version of the SDK that programs run with."""
        del request, context
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def About(  # noqa: N802
        self, request: language_pb2.AboutRequest, context: Context
    ) -> language_pb2.AboutResponse:
        """The interpreter, for `pulumi about`."""
        del request, context
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetRequiredPackages(  # noqa: N802
        self, request: language_pb2.GetRequiredPackagesRequest, context: Context
    ) -> language_pb2.GetRequiredPackagesResponse:
        """The provider of each installed SDK; each SDK says in its `pulumi-plugin.json` which one it needs."""
        del request, context
        packages = [
            plugin_pb2.PackageDependency(name=found["name"], kind="resource", version=f"v{found['version']}")
            for found in map(json.loads, _plugin_files())
            if found.get("resource")
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def GetProgramDependencies(  # noqa: N802
        self, request: language_pb2.GetProgramDependenciesRequest, context: Context
    ) -> language_pb2.GetProgramDependenciesResponse:
        """The installed Python packages, for `pulumi about`."""
        del request, context
        found = sorted({(found.name, found.version) for found in importlib.metadata.distributions()})
        dependencies = [language_pb2.DependencyInfo(name=name, version=version) for name, version in found]
        return language_pb2.GetProgramDependenciesResponse(dependencies=dependencies)

    def InstallDependencies(  # noqa: N802
        self, request: language_pb2.InstallDependenciesRequest, context: Context
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Nothing to do: the project's set-up installs from its lock."""
        del request, context
        yield language_pb2.InstallDependenciesResponse(
            stdout=b"The dependencies are installed by the project's set-up (make setup).\n"
        )

    def RuntimeOptionsPrompts(  # noqa: N802
        self, request: language_pb2.RuntimeOptionsRequest, context: Context
    ) -> language_pb2.RuntimeOptionsResponse:
        """No questions."""
        del request, context
        return language_pb2.RuntimeOptionsResponse()

    def Run(  # noqa: N802
        self, request: language_pb2.RunRequest, context: Context
    ) -> language_pb2.RunResponse:
        """Run the program in the stack. A failure is told once, here, and the engine only stops (`bail`)."""
        del context
        if self._ran:
            # A second run would meet the modules of the first. The engine starts a host for each run.
            return language_pb2.RunResponse(error="this language host has already run a program")
        self._ran = True
        return contextvars.copy_context().run(_run, request)

    def RunPlugin(  # noqa: N802
        self, request: language_pb2.RunPluginRequest, context: Context
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack (kind `analyzer`), its output handed on as it comes."""
        if request.kind != "analyzer":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"this language host runs policy packs, not {request.kind!r}")
        folder = request.info.program_directory or request.program
        command = [sys.executable, "-u", "-m", "pulumi.policy", *request.args, folder]
        environment = os.environ | dict(entry.split("=", 1) for entry in request.env)
        process = subprocess.Popen(  # noqa: S603 our own interpreter, the engine's own arguments
            command, cwd=request.pwd or None, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.children.add(process)
        context.add_callback(process.terminate)
        yield from _output(process)
        code = process.wait()
        self.children.discard(process)
        yield language_pb2.RunPluginResponse(exitcode=code)

    def Cancel(self, request: Empty, context: Context) -> Empty:  # noqa: N802
        """Stop at once; the answer goes out first."""
        del request
        context.add_callback(self.stop)
        return Empty()

    def stop(self) -> NoReturn:
        """End this process and the policy packs it started.

        Without the interpreter's own end, which waits for every thread that is still in a call: for the program whose
        engine has gone, that would be for ever, and the engine would wait ten seconds before it kills us.
        """
        for child in self.children.copy():
            child.terminate()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _run(request: language_pb2.RunRequest) -> language_pb2.RunResponse:
    settings = pulumi.runtime.Settings(
        project=request.project,
        stack=request.stack,
        monitor=request.monitor_address,
        engine=request.args[0] if request.args else None,
        parallel=request.parallel,
        dry_run=request.dryRun,
        organization=request.organization or "organization",
        root_directory=request.info.root_directory or None,
    )
    pulumi.runtime.configure(settings)
    pulumi.runtime.set_all_config(dict(request.config), list(request.configSecretKeys))
    program = Path(request.info.program_directory or request.pwd) / (request.info.entry_point or ".")
    loop = asyncio.new_event_loop()
    # Every registration waits in a thread of this pool; the SDK's own host allows four for each that the engine does.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=max(request.parallel, 1) * 4))
    # The SDK leaves the tasks of a failed program unobserved; asyncio would tell of each one.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        loop.run_until_complete(_program(program, Path(request.pwd)))
    except ProgramFailed as failure:
        pulumi.log.error(str(failure))
        return language_pb2.RunResponse(bail=True)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))  # lets the cancelled tasks end
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return language_pb2.RunResponse()


async def _program(program: Path, folder: Path) -> None:
    """The user's program inside its stack.

    Raises:
        ProgramFailed: it raised something, ended with an exit code, or the engine refused a resource of it.
    """

    def main() -> None:
        os.chdir(folder)
        sys.argv = [str(program)]
        # runpy puts a folder on the path by itself; a single file's folder it does not.
        if program.is_file():
            sys.path.insert(0, str(program.parent))
        runpy.run_path(str(program), run_name="__main__")

    try:
        await pulumi.runtime.run_in_stack(main)
    except SystemExit as end:
        if end.code not in {None, 0}:
            message = f"the program ended with exit code {end.code}"
            raise ProgramFailed(message) from end
    except pulumi.RunError as refusal:
        raise ProgramFailed(str(refusal)) from refusal
    except grpc.RpcError as error:
        # The engine takes its monitor away when it stops; it says itself why.
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            message = f"the engine refused a call: {error.details()}"
            raise ProgramFailed(message) from error
    except Exception as error:
        message = f"the program failed with an unhandled exception:\n{_users_traceback(error, program)}"
        raise ProgramFailed(message) from error


def _users_traceback(error: BaseException, program: Path) -> str:
    """The traceback without the frames of this host, the SDK and the import machinery above the user's program."""
    root = str(program.resolve() if program.is_dir() else program.resolve().parent)
    told = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = told
    while part is not None:
        first = next((place for place, frame in enumerate(part.stack) if _inside(frame.filename, root)), 0)
        part.stack = traceback.StackSummary.from_list(part.stack[first:])
        part = part.__cause__ or part.__context__
    return "".join(told.format())


def _inside(file: str, root: str) -> bool:
    """A frame of the project; the interpreter's own are named `<frozen ...>`."""
    return not file.startswith("<") and str(Path(file).resolve()).startswith(root)


def _plugin_files() -> Iterator[str]:
    installed = Path(sysconfig.get_path("purelib"))
    return (file.read_text(encoding="utf-8") for file in sorted(installed.glob("pulumi_*/pulumi-plugin.json")))


def _output(process: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """Both streams of a process, line by line, until both have ended."""
    lines: SimpleQueue[language_pb2.RunPluginResponse | None] = SimpleQueue()

    def forward(stream: IO[bytes] | None, *, is_error: bool) -> None:
        for line in stream or ():
            answer = language_pb2.RunPluginResponse
            lines.put(answer(stderr=line) if is_error else answer(stdout=line))
        lines.put(None)

    streams = ((process.stdout, False), (process.stderr, True))
    for stream, is_error in streams:
        threading.Thread(target=forward, args=(stream,), kwargs={"is_error": is_error}, daemon=True).start()
    for _ in streams:
        yield from iter(lines.get, None)


def _stop_with_the_engine(host: LanguageHost) -> None:
    """Our standard input is a pipe of the engine: its end is the engine's end, also after `kill -9`."""
    while os.read(0, 4096):
        continue
    host.stop()


def main() -> None:
    """Serve until the engine asks to stop, or has gone."""
    gc.set_threshold(*_COLLECT_GARBAGE)
    host = LanguageHost()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: host.stop())
    options = [("grpc.max_receive_message_length", _MESSAGE_LIMIT), ("grpc.max_send_message_length", _MESSAGE_LIMIT)]
    server = grpc.server(ThreadPoolExecutor(_CALLS_AT_ONCE), options=options)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 the protocol's first line
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_stop_with_the_engine, args=(host,), daemon=True).start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
