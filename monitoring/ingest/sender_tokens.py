"""Who sends, by the token that is shown."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path

from controller.errors import TokenRefused
from controller.telemetry.registry import Writer
from controller.telemetry.writer_tokens import make_token, read_token

_SCHEME = "bearer"


class SenderTokens:
    """The tokens of all senders. Two senders never have the same one.

    Raises:
        TokenRefused: two tokens are equal.
    """

    def __init__(self, tokens: Mapping[Writer, str]) -> None:
        if len(set(tokens.values())) != len(tokens):
            message = "the tokens of controller and probe are the same; delete one file, and start the monitor again"
            raise TokenRefused(message)
        self._tokens = {writer: token.encode("ascii") for writer, token in tokens.items()}

    def find_writer(self, headers: Sequence[str]) -> Writer | None:
        """Whose token a request's only `Authorization` header shows; None where it shows none of them."""
        if len(headers) != 1:
            return None
        scheme, _, shown = headers[0].partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        found = None
        # Each is compared, and in constant time: how long it takes says nothing of a token.
        for writer, token in self._tokens.items():
            if hmac.compare_digest(shown.strip().encode("latin-1", "replace"), token):
                found = writer
        return found


def load_sender_tokens(files: Mapping[Writer, Path]) -> SenderTokens:
    """The tokens in their files; a file that is missing is made.

    Raises:
        TokenRefused: a file cannot be made, or is not the monitor's user's alone.
    """
    for path in files.values():
        make_token(path)
    return SenderTokens({writer: read_token(path) for writer, path in files.items()})
