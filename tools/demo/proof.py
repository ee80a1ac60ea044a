"""The demo's chapter about proof: a change that looks harmless and is not, stopped by a packet that is then sent."""

from __future__ import annotations

import re
import subprocess

from tools.demo.stage import ROOT, TSUNAGU, Demo, StepFailed, console, run_or_stop

BRIDGE = "br0"
TOP = "priority=900,"
CONNECT_SECONDS = "1.5"
"""TCP tries twice in it (at 0 and 1 s)."""
_BUSIEST = (
    re.compile(r"priority=[0-9]+,tcp,reg0=0x10014,nw_src=[0-9./]+,tp_dst=443 actions=NORMAL$"),
    re.compile(r"priority=[0-9]+,tcp,reg0=0x20014,nw_dst=[0-9./]+,tp_src=443,tcp_flags=\+\w+ actions=NORMAL$"),
)
"""Of the pupils' segment (VLAN 20): what may go to, and come from, the whole internet. Most packets end here."""


def stop_a_bad_change(demo: Demo) -> None:
    """A change that looks harmless: a filter's busiest lines move up. The proof stops it; its packet is sent."""
    folder = demo.folder / "rendered"
    where = ("--policies", demo.policies, "--lab", "--school", demo.canary)
    demo.run("render", *where, "-o", str(folder))
    path = folder / f"{demo.canary}-core1.cfg"
    lines = path.read_text(encoding="utf-8").split("\n")
    moved = {line: re.sub(r"priority=[0-9]+,", TOP, line) for line in lines if any(b.search(line) for b in _BUSIEST)}
    run_or_stop(
        f"the {len(moved)} busiest lines of the pupils' filters are moved to the top 'for speed'", hold=len(moved) > 1
    )
    path.write_text("\n".join(moved.get(line, line) for line in lines), encoding="utf-8")
    said = demo.run("prove", *where, "--configs", str(folder), expect=2, show=16)
    target = _packet(said)
    run_or_stop(f"the proof shows a packet: a pupil reaches {target[0]} port {target[1]}", hold=True)
    run_or_stop("now, with the filters as they are, it does not pass", hold=not _connects(demo, *target))
    on_the_switch = ("lab", "run", f"{demo.canary}/switch", "ovs-ofctl", "-O", "OpenFlow14", "add-flows", BRIDGE)
    console.print("  by hand, past every proof, the lines are moved on the switch:")
    changes = demo.folder / "moved.flows"
    changes.write_text("".join(f"add {flow.strip()}\n" for flow in moved.values()), encoding="utf-8")
    demo.run(*on_the_switch, str(changes))
    run_or_stop(
        "the very packet that the proof showed passes: a pupil has a connection to it", hold=_connects(demo, *target)
    )
    changes.write_text("".join(f"delete_strict {_match(flow)}\n" for flow in moved.values()), encoding="utf-8")
    demo.run(*on_the_switch, str(changes))
    demo.run("drift", "--policies", demo.policies, "--lab", "--school", demo.canary)
    run_or_stop("moved back, the way is closed again", hold=not _connects(demo, *target))


def _match(flow: str) -> str:
    """What tells a flow from all others, with no other flow of its cookie."""
    return re.sub(r"cookie=(0x[0-9a-f]+),", r"cookie=\1/-1,", flow.strip().removesuffix(" actions=NORMAL"))


def _packet(said: str) -> tuple[str, str]:
    """The destination and port of the packet that a pupil would reach something with."""
    found = re.search(r"from pupil at \S+ to \S+ passes: tcp \S+ port \d+ -> (\S+) port (\d+);", said)
    if found is None:
        message = "the proof shows no packet of a pupil"
        raise StepFailed(message)
    return found[1], found[2]


def _connects(demo: Demo, address: str, port: str) -> bool:
    """Whether a pupil's host gets a TCP connection."""
    attempt = f"exec 3<>/dev/tcp/{address}/{port}"
    words = [TSUNAGU, "lab", "run", f"{demo.canary}/pupil", "timeout", CONNECT_SECONDS, "bash", "-c", attempt]
    return subprocess.run(words, check=False, cwd=ROOT, capture_output=True).returncode == 0  # noqa: S603 our own
