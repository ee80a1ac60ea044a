"""The offline Google that writes down which functions it is asked, in the file that TSUNAGU_TEST_ASKED names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider import provider

ASKED = "TSUNAGU_TEST_ASKED"
_answer = provider.OfflineProvider.Invoke


def _write_down(
    self: provider.OfflineProvider, request: provider_pb2.InvokeRequest, context: provider.Context
) -> provider_pb2.InvokeResponse:
    with Path(os.environ[ASKED]).open("a", encoding="utf-8") as file:
        file.write(f"{request.tok}\n")
    return _answer(self, request, context)


if __name__ == "__main__":
    provider.OfflineProvider.Invoke = _write_down  # type: ignore[method-assign]
    sys.exit(provider.main())
