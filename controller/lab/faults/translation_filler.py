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
"""How often those are begun anew that somebody on the way has refused; the others the system asks for again itself."""


def open_connections(count: int) -> list[socket.socket]:
    """Begin so many connections; none of them is waited for.

    They are TCP to the port of the web, which a school's policy lets devices ask.
    """
    opened = []
    for _ in range(count):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.settimeout(0)
        one.connect_ex(_FAR)
        opened.append(one)
    return opened


def renew_refused(opened: list[socket.socket]) -> list[socket.socket]:
    """Begin those anew that have ended with an error; gives all."""
    refused = [one for one in opened if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]
    for one in refused:
        one.close()
    return [one for one in opened if one not in refused] + open_connections(len(refused))


def main(count: str) -> None:
    """Keep the table full until the process is ended."""
    opened = open_connections(int(count))
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.close()
    while True:
        time.sleep(_EVERY_SECONDS)
        opened = renew_refused(opened)


if __name__ == "__main__":
    main(*sys.argv[1:])
