"""SSH servers of the lab's devices: one a device, in its namespace, with a host key of its own that is then pinned.

Nobody gets a shell there: each of the controller's two keys runs the device's own program, which is root's, one to
read and one to change.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import LabError
from controller.lab.network import ssh_user
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import FamilyPair, Layout
from controller.lab.state.processes import LabProcess, describe_process, wait_until

START_SECONDS = 15.0
HOST_KEY = "host_key"
AGENT = "agent"
"""The device's program, in its folder."""
_USUAL_PORT = 22
_CONFIGURATION = """\
Port {port}
{listening}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {authorized_keys}
AllowUsers {user}
PermitRootLogin no
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
X11Forwarding no
PermitTTY no
AllowTcpForwarding no
AllowAgentForwarding no
PermitUserRC no
MaxStartups 64
MaxSessions 32
SetEnv {environment}
"""


@dataclass(frozen=True, slots=True)
class SshServer:
    """An SSH server: whose it is, its files, where it listens. `agent`: the text of the program that logins run."""

    school: str
    program: str
    hostname: str
    namespace: str
    folder: Path
    address: FamilyPair
    environment: Mapping[str, str] = field(default_factory=dict)
    agent: str = ""


def start_ssh_server(layout: Layout, login: SshServer, state: Path) -> None:
    """Start an SSH server, and remember the process. Its host key is made when it first starts.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    key = login.folder / HOST_KEY
    if not key.exists():
        ssh_user.create_ssh_key(key, login.hostname)
    configuration = login.folder / "sshd_config"
    text = _CONFIGURATION.format(
        port=layout.ssh_port,
        listening="\n".join(f"ListenAddress {address}" for address in login.address.by_family.values()),
        folder=login.folder,
        authorized_keys=_authorize_keys(layout, login, state),
        user=layout.user,
        environment=" ".join(f"{name}={value}" for name, value in login.environment.items()),
    )
    configuration.write_text(text, encoding="utf-8")
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or "sshd"  # it demands to be called by its full path
    naming = f"hostname {login.hostname} && exec {sshd} -f {configuration} -E {login.folder / 'sshd.log'}"
    pidfile = login.folder / "sshd.pid"
    pidfile.unlink(missing_ok=True)
    run_program(("unshare", "--uts", "sh", "-c", naming), around=ProgramContext(namespace=login.namespace))
    record_process(login.school, state, login.program, pidfile)


def install_agent(folder: Path, text: str) -> Path:
    """Install the program that logins run, as root's own, and return its path."""
    program = folder / AGENT
    unfinished = program.with_suffix(".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(0o755)
    unfinished.replace(program)
    return program


def _authorize_keys(layout: Layout, login: SshServer, state: Path) -> Path:
    """Let the controller's two keys in, if the device does not know any so far: they may have been rotated since."""
    program = install_agent(login.folder, login.agent)
    path = Path(login.environment[paths.KEYS])
    if path.exists():
        return path
    keys = ((paths.CONTROLLER_KEY, "change"), (paths.READ_KEY, "read"))
    lines = [
        f'restrict,command="{program} forced {may}" {(state / key).with_suffix(".pub").read_text(encoding="ascii")}'
        for key, may in keys
    ]
    path.write_text("".join(lines), encoding="ascii")
    path.chmod(0o600)
    shutil.chown(path, layout.user, ssh_user.find_ssh_user(layout.user).group)
    return path


def format_known_host(folder: Path, address: str, port: int) -> str:
    """A device's line of a known_hosts file."""
    words = (folder / f"{HOST_KEY}.pub").read_text(encoding="ascii").split()
    name = address if port == _USUAL_PORT else f"[{address}]:{port}"
    return f"{name} {words[0]} {words[1]}\n"


def record_process(school: str, state: Path, name: str, pidfile: Path) -> LabProcess:
    """Wait until a program that was started has written its number down, and keep that.

    Raises:
        LabError: it does not come up.
    """

    def written() -> bool:
        return pidfile.exists() and pidfile.read_text(encoding="ascii").strip().isdigit()

    if not wait_until(written, START_SECONDS):
        message = f"{name} of {school} did not start in {START_SECONDS:.0f} s; see the logs beside {pidfile}"
        raise LabError(message)
    process = describe_process(name, school, int(pidfile.read_text(encoding="ascii")))
    undo_log.add_process(state, process)
    return process
