"""Fetches a newer version: whole, signed by the release key, newer than what runs; into the slot that is free."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import ssl
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from controller.probe_agent.configuration import Configuration, Updates
from controller.probe_agent.problems import tell
from controller.probe_agent.updating.slots import UpdateWord
from controller.probe_agent.version import parse_version

NAMESPACE = "tsunagu-probe"
SIGNATURE = ".sig"
VERSION_NAME = "version.txt"
_MOST_BYTES = 8 * 1024 * 1024
_MOST_SIGNATURE = 16 * 1024
_TIMEOUT_SECONDS = 60.0
_OK = 200


class NotUpdated(Exception):
    """Why there is no newer version."""

    def __init__(self, word: UpdateWord, reason: str) -> None:
        self.word = word
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Release:
    """A whole file that the release key signed."""

    content: bytes
    version: str

    @property
    def digest(self) -> str:
        """Its SHA-256."""
        return hashlib.sha256(self.content).hexdigest()


def fetch_update(configuration: Configuration, running: str, refused: Mapping[str, str]) -> Release:
    """The version that stands at the source, where it is newer than what runs and was not tried in vain.

    Raises:
        NotUpdated: it is not; says why.
    """
    source = configuration.updates.source
    content = _read_source(source, configuration.ca, _MOST_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    if digest in refused:
        raise NotUpdated(UpdateWord(refused[digest]), f"{source} is a file that was tried in vain before")
    release = check_release(
        content, _read_source(source + SIGNATURE, configuration.ca, _MOST_SIGNATURE), configuration.updates
    )
    if parse_version(release.version) == parse_version(running):
        raise NotUpdated(UpdateWord.NONE, f"{source} holds {running}, which runs")
    if parse_version(release.version) < parse_version(running):
        raise NotUpdated(UpdateWord.OLDER, f"{source} holds {release.version}, which is older than {running}")
    return release


def check_release(content: bytes, signature: bytes, updates: Updates) -> Release:
    """A release of its bytes, if the key that the configuration names has signed them.

    Raises:
        NotUpdated: it has not, or they are not whole.
    """
    if not _is_signed(content, signature, updates):
        if not zipfile.is_zipfile(io.BytesIO(content)):
            raise NotUpdated(UpdateWord.INCOMPLETE, f"{updates.source} is not a whole file")
        raise NotUpdated(UpdateWord.WRONG_KEY, f"{updates.source} is not signed by the key of {updates.principal}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            version = file.read(VERSION_NAME).decode("ascii").strip()
        parse_version(version)
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError) as error:
        raise NotUpdated(UpdateWord.INCOMPLETE, f"{updates.source} is no probe ({error})") from None
    return Release(content, version)


def _is_signed(content: bytes, signature: bytes, updates: Updates) -> bool:
    with tempfile.TemporaryDirectory(prefix="tsunagu-probe-") as name:
        folder = Path(name)
        (folder / "signers").write_text(f"{updates.allowed_signers}\n", encoding="utf-8")
        (folder / "signature").write_bytes(signature)
        words = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "signers"), "-I", updates.principal]
        words += ["-n", NAMESPACE, "-s", str(folder / "signature")]
        try:
            done = subprocess.run(words, input=content, capture_output=True, check=False, timeout=_TIMEOUT_SECONDS)  # noqa: S603
        except FileNotFoundError:
            raise NotUpdated(UpdateWord.UNREACHABLE, "ssh-keygen is missing; apt-get install openssh-client") from None
        except (subprocess.TimeoutExpired, BrokenPipeError):
            return False
    if done.returncode:
        tell(f"ssh-keygen says: {done.stderr.decode('utf-8', 'replace').strip() or done.returncode}")
    return done.returncode == 0


def _read_source(source: str, ca: str, most: int) -> bytes:
    content = _read_file(source, most) if source.startswith("/") else _download(source, ca, most)
    if len(content) > most:
        raise NotUpdated(UpdateWord.INCOMPLETE, f"{source} is larger than {most} bytes, which no probe is")
    return content


def _read_file(source: str, most: int) -> bytes:
    try:
        with Path(source).open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise NotUpdated(UpdateWord.UNREACHABLE, f"{source} cannot be read ({error.strerror})") from None


def _download(source: str, ca: str, most: int) -> bytes:
    url = urlsplit(source)
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(cadata=ca)
    connection = http.client.HTTPSConnection(str(url.hostname), url.port, timeout=_TIMEOUT_SECONDS, context=context)
    try:
        connection.request("GET", url.path or "/")
        # Closed by itself: a connection that ends with its answer has handed its socket over.
        with connection.getresponse() as answer:
            content = answer.read(most + 1)
        if answer.status != _OK:
            raise NotUpdated(UpdateWord.UNREACHABLE, f"{source} answers {answer.status}")
        declared = answer.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > len(content):
            raise NotUpdated(UpdateWord.INCOMPLETE, f"{source} ended after {len(content)} of {declared} bytes")
    except (OSError, http.client.HTTPException) as error:
        raise NotUpdated(UpdateWord.UNREACHABLE, f"{source} cannot be reached ({error})") from None
    finally:
        connection.close()
    return content


def write_release(release: Release, place: Path) -> None:
    """Write a release into a slot: whole and on the disk before it has its name."""
    beside = place.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(release.content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(place)
    tell(f"version {release.version} is here and is signed; it is tried now")
