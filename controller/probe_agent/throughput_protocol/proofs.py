"""How a probe shows a measuring endpoint that it is enrolled, without showing its token.

The endpoint gives a challenge, the probe answers with a keyed hash of it. The key is the token's SHA-256, which the
list of enrolled probes holds: who runs an endpoint can never speak to the monitor as a school's probe. Towards
endpoints that hash is the secret itself: who has the list can test there as any school, and so it is kept private.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

VALID_SECONDS = 10.0
"""How long a challenge may be answered."""
_NONCE_BYTES = 16
_PARTS = 3
_LONGEST = 200


def hash_token(token: str) -> str:
    """The SHA-256 of a probe's token, as the list of enrolled probes has it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def sign_challenge(token_sha256: str, challenge: str) -> str:
    """The answer to a challenge.

    >>> len(sign_challenge(hash_token("a token"), "67000000.ab.cd"))
    64
    """
    return _mac(token_sha256.encode("ascii", "replace"), f"tsunagu-throughput {challenge}")


class Challenges:
    """Gives challenges, and knows its own again; it keeps none, so nobody can fill it with them."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(_NONCE_BYTES)

    def issue_challenge(self, school: str, now: float) -> str:
        """A challenge for a school; `now` is of a clock that never goes back.

        >>> challenges = Challenges()
        >>> challenges.is_valid("as-e04", challenges.issue_challenge("as-e04", 5.0), 6.0)
        True
        """
        stem = f"{int(now * 1000)}.{secrets.token_hex(_NONCE_BYTES)}"
        return f"{stem}.{self._seal(stem, school)}"

    def is_valid(self, school: str, challenge: str, now: float) -> bool:
        """Whether it is one of ours, for this school, and young enough."""
        if len(challenge) > _LONGEST or not challenge.isascii() or challenge.count(".") != _PARTS - 1:
            return False
        stem, _, seal = challenge.rpartition(".")
        if not hmac.compare_digest(seal, self._seal(stem, school)):
            return False
        return now - int(stem.partition(".")[0]) / 1000 <= VALID_SECONDS

    def _seal(self, stem: str, school: str) -> str:
        return _mac(self._secret, f"{stem} {school}")


def is_proof(token_sha256: str, challenge: str, proof: str) -> bool:
    """Whether a proof was made with the token of this hash."""
    return hmac.compare_digest(proof.encode(), sign_challenge(token_sha256, challenge).encode())


def _mac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
