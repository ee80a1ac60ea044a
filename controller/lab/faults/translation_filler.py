"""A pupil's device that opens connections until the router's table of translations is full, and keeps it full.

Run as `python -m controller.lab.faults.translation_filler COUNT` in a host's namespace. Prints its process number when
the first round of connections was begun.
"""

from __future__ import annotations

import os
import socket
import sys
import time

_FAR = ("192.0.2.1", 443)
"""Nobody's address (RFC 5737): what is asked there gets no answer, and stays in the table until its time is over."""
_EVERY_SECONDS = 3.0
"""Much less than the time that a table keeps a connection without an answer: of the first ones some are lost while the
host asks who its gateway is."""


def open_connections(count: int) -> list[socket.socket]:
    """Begin so many connections; none of them is waited for."""
    opened = []
    for _ in range(count):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.settimeout(0)
        one.connect(_FAR)
        one.send(b"?")
        opened.append(one)
    return opened


def main(count: str) -> None:
    """Keep the table full until the process is ended."""
    opened = open_connections(int(count))
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.close()
    while True:
        time.sleep(_EVERY_SECONDS)
        for one in opened:
            try:
                one.send(b"?")
            except OSError:
                continue  # somebody on the way said that nobody is there


if __name__ == "__main__":
    main(*sys.argv[1:])
