"""The official OpenTelemetry Collector, built from its Go modules; once, outside the project.

    python -m tools.collector.build

prints where it is, and builds it if needed. `go.mod` names the releases, `go.sum` their content, `main.go` the
components. Tests run it; `make demo` does not need it. On a server it is the program of `tsunagu-collector.service`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from controller.cloud.go_build import GoProgram, choose_kept_folder, provide_go_program
from controller.errors import CloudError

SOURCE = Path(__file__).resolve().parent
RELEASE = "0.165.0"
"""Of the Collector, as in `go.mod` and `main.go`."""

INTERRUPTED = 130


def describe_collector() -> GoProgram:
    """What is built, and where it is kept."""
    return GoProgram(
        title=f"the OpenTelemetry Collector {RELEASE}",
        source=SOURCE,
        package=".",
        name="otelcol-tsunagu",
        kept=choose_kept_folder("collector", SOURCE / "go.sum", SOURCE / "main.go"),
    )


def main() -> int:
    """Build it if needed; the code of the error when that cannot be done."""
    try:
        path = provide_go_program(describe_collector(), lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201
    except CloudError as error:
        print(f"collector: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    print(path)  # noqa: T201 its answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
