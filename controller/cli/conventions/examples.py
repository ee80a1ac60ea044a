"""Examples of every command, as its help shows them. A test reads each as the command would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple


class Example(NamedTuple):
    """A command line without its first word, and what it is for."""

    words: str
    purpose: str


EXAMPLES: Mapping[str, Sequence[Example]] = MappingProxyType(
    {
        "init": (
            Example("init our-city", "one school, five segments, four rules"),
            Example("init our-city --from schools.csv", "with the wards and schools of a table"),
            Example("init our-city --id minato --name みなと市 --json", "with its own names, for a program"),
        ),
        "import": (
            Example("import schools.csv", "what would change; writes nothing"),
            Example("import netbox --ward-from region --json", "from the NetBox of the operators' file, for a program"),
            Example("import schools.csv --write --line closed-vpn:100", "written; one line for schools without one"),
        ),
        "check": (
            Example("check", "the policy in policies/"),
            Example("check --policies ~/city --on 2027-04-01 --json", "another folder, as of a day, for a program"),
        ),
        "plan": (
            Example("plan --school kw-e01 -o plan.json", "one school, saved for apply"),
            Example("plan --ward 麻生区 --configs saved/", "a ward, from saved configurations; asks no device"),
        ),
        "apply": (
            Example("apply plan.json", "what was planned, the canary school first"),
            Example("apply plan.json --restore-after 120 --json", "slow devices; the outcomes for a program"),
        ),
        "rollout start": (
            Example("rollout start plan.json", "wave after wave, as the operators' file says"),
            Example("rollout start plan.json --supersede 20261129-120300-1a2b3c4d", "a newer policy, in its place"),
            Example('rollout start plan.json --force-window "line is down"', "also in lessons and on exam days"),
        ),
        "rollout resume": (Example("rollout resume 20261129-120300-1a2b3c4d", "go on after a crash or a pause"),),
        "rollout worker": (Example("rollout worker --once", "do what other workers have left, then end"),),
        "rollout pause": (Example("rollout pause 20261129-120300-1a2b3c4d", "begin no further device"),),
        "rollout cancel": (Example("rollout cancel 20261129-120300-1a2b3c4d", "end it at the next device"),),
        "rollout write-off": (
            Example(
                'rollout write-off 20261129-120300-1a2b3c4d as-e04-core1 --reason "switched off until August"',
                "wait for it no longer",
            ),
        ),
        "rollout approve": (
            Example("rollout approve plan.json --sign-with ~/.ssh/id_ed25519.pub", "a saved plan, before it starts"),
            Example(
                "rollout approve 20261129-120300-1a2b3c4d --sign-with ~/.ssh/id_ed25519.pub",
                "a rollout that lacks an approval today",
            ),
        ),
        "rollout undo": (
            Example("rollout undo 20261129-120300-1a2b3c4d", "what going back would change and permit; saves nothing"),
            Example("rollout undo 20261129-120300-1a2b3c4d -o back.json --sign-with ~/.ssh/id_ed25519.pub", "saved"),
            Example("rollout undo 20261129-120300-1a2b3c4d -o back.json --start", "saved, and begun at once"),
        ),
        "rollout list": (Example("rollout list --json", "every rollout, for a program"),),
        "rollout watch": (
            Example("rollout watch 20261129-120300-1a2b3c4d", "waves, rate and time left, until it ends"),
            Example("rollout watch 20261129-120300-1a2b3c4d --json", "a line for each event, for a program"),
        ),
        "rollout show": (Example("rollout show 20261129-120300-1a2b3c4d", "its waves and devices"),),
        "drift": (
            Example("drift --all", "every device that can be read"),
            Example("drift --all --configs saved/", "from saved configurations, one file a device"),
            Example("drift --school kw-e01 --json", "one school, for a program"),
        ),
        "explain": (
            Example("explain --from kw-e01/staff --to affairs", "may this segment reach that application"),
            Example("explain --from kw-e01/staff --to affairs --role teacher --no-mfa", "and a teacher without MFA"),
            Example("explain --flow affairs --to learning-analytics", "data between systems"),
        ),
        "adopt": (
            Example("adopt kw-e01 --configs saved/ --propose-rules -o rules.yaml", "rules learnt from access lists"),
            Example("adopt kw-e01 --configs saved/ --to filters", "from saved configurations, filters only"),
            Example("adopt kw-e01 --json", "from the devices themselves, for a program"),
            Example("adopt kw-e01 --release --configs saved/", "what would be given back of what was taken over"),
        ),
        "what-if": (
            Example("what-if --edit access/rules.yaml=new-rules.yaml", "a changed file"),
            Example("what-if --from main --lang ja", "the folder against a git revision, in Japanese"),
        ),
        "migrate": (
            Example("migrate", "show what would be rewritten"),
            Example("migrate --write", "rewrite it"),
        ),
        "integrate plan": (
            Example("integrate plan as-e04 --to coexist", "what it changes for whom; nothing is written"),
            Example(
                "integrate plan 麻生区 --to coexist --printers printers.csv --issued issued.csv -o plan.json", "a ward"
            ),
        ),
        "integrate confirm": (
            Example("integrate confirm as-e04 --write", "on the day after, or once it is rolled out"),
        ),
        "approve": (Example("approve plan.json --sign-with ~/.ssh/id_ed25519.pub", "with a key of your agent"),),
        "agent": (
            Example("agent frr", "the program, to be read before it is installed"),
            Example("agent ovs --json", "the same for a program"),
        ),
        "trust": (
            Example("trust kw-e01-core1", "compare by eye with the device's console"),
            Example("trust kw-e01-core1 --fingerprint SHA256:XJ0S", "pin this key and no other"),
        ),
        "repair": (
            Example("repair kw-e01-core1", "put the state from before the change back"),
            Example("repair kw-e01-core1 --keep", "the change that it runs is meant: keep it"),
        ),
        "measure": (
            Example("measure --lab --all --quick", "every school of the virtual city"),
            Example("measure --lab --school kw-s01 --watch", "go on until Ctrl-C"),
            Example("measure --school kw-s01", "what the school's own probe measured last"),
        ),
        "render": (
            Example("render --school kw-e01 -o rendered", "one school's devices"),
            Example("render --all -o rendered --json", "the whole city, counted for a program"),
        ),
        "prove": (
            Example("prove --all", "the whole city as the policy compiles"),
            Example("prove --school kw-e01 --configs saved/ --evidence", "saved configurations, for auditors"),
        ),
        "run": (
            Example("run --health-port 8601", "the daemon; what it may change the operators' file says"),
            Example("run --lab", "of the virtual city: drift and measuring"),
        ),
        "integrate computers": (
            Example(
                "integrate computers --all --inventory pcs.csv --as-of 2026-11-01",
                "count the old networks' computers by an inventory",
            ),
            Example("integrate computers --school as-e04 --read", "by what the school's switches have learnt"),
        ),
        "integrate status": (
            Example("integrate status", "the stage of every school, and what stands in the way of the next"),
            Example("integrate status --ward 麻生区 --json", "of a ward, for a program"),
        ),
        "integrate schedule": (
            Example("integrate schedule --csv schedule.csv", "which school changes when, in vacations only"),
        ),
        "drill restore": (
            Example("drill restore --with hanako", "the controller's newest backup, in a private place"),
            Example("drill restore --device nh-j05-core1", "a switch's backup, onto an empty virtual switch"),
        ),
        "drill line": (Example("drill line --lab --school kw-s01", "cut a line of the virtual city"),),
        "drill region": (
            Example("drill region tokyo", "lose a region of the virtual city, and come back"),
            Example("drill region tokyo --step failover", "the loss and the failover alone"),
        ),
        "drill state": (Example("drill state", "lose the engine's record of a stack, and put it back"),),
        "drill list": (Example("drill list", "every drill, and how long ago each kind passed"),),
        "probe enrol": (
            Example("probe enrol as-e04 --monitor https://monitor.example.jp -o probe.json", "a probe for a school"),
        ),
        "probe list": (Example("probe list", "version, clock and last word of every school's probe"),),
        "probe revoke": (Example("probe revoke as-e04", "the monitor takes nothing of it any more"),),
        "monitor": (Example("monitor --port 8600", "receiver, page and metrics on 127.0.0.1"),),
        "lab up": (Example("lab up --schools 3", "a virtual city of three schools"),),
        "lab down": (Example("lab down", "remove it"),),
        "lab status": (Example("lab status --json", "what lives, for a program"),),
        "lab matrix": (Example("lab matrix --school kw-s01 --permitted-only", "one school, what must connect"),),
        "lab people": (Example("lab people --school kw-s01", "one school's people at their applications"),),
        "lab break": (
            Example("lab break kw-s01 primary-line", "a school loses its line"),
            Example("lab break region tokyo", "a region is lost"),
        ),
        "lab repair": (Example("lab repair --all", "all that is broken"),),
        "lab run": (Example("lab run kw-s01/staff ping -c1 192.0.2.1", "a command where a host stands"),),
        "cloud preview": (Example("cloud preview --stack lab", "what would change, offline"),),
        "cloud up": (
            Example("cloud up --stack lab", "deploy to the offline Google"),
            Example("cloud up --stack staging --plan staging.plan --yes", "what a saved preview shows, and no more"),
        ),
        "cloud refresh": (Example("cloud refresh --stack lab", "what was changed by hand"),),
        "cloud drift": (
            Example("cloud drift --stack lab", "what was changed by hand, and which exports the grants need"),
        ),
        "cloud destroy": (Example("cloud destroy --stack lab", "remove it"),),
        "playbook list": (Example("playbook list", "what there is, and what each has to be told"),),
        "playbook run": (
            Example("playbook run backup --school kw-e01 -o backups", "save what one school runs"),
            Example("playbook run drift --ward asao", "a report of what differs from the policy"),
            Example("playbook run drill_region --set region=tokyo --check", "may a region be drilled here?"),
        ),
        "rotate": (
            Example("rotate kw-e01-core1 --check", "what the operators' file asks for, and what is due"),
            Example("rotate kw-e01-core1 --json", "set the next login, or take the previous one away"),
        ),
        "restore": (
            Example("restore kw-e01-core1 --fingerprint SHA256:2Z...", "a new switch stands for the dead one"),
            Example("restore kw-e01-core1 --backup backups/20261129 --json", "from what the playbook saved"),
        ),
        "backup create": (
            Example("backup create /srv/backups/tsunagu-2026-11-29.tar", "while rollouts may run"),
            Example("backup create /srv/backups/tsunagu.tar --json", "for a program that copies it elsewhere"),
        ),
        "backup restore": (Example("backup restore /srv/backups/tsunagu.tar", "on a machine without any state"),),
        "audit verify": (Example("audit verify --json", "whether the trail is as it was written"),),
        "audit prune": (Example("audit prune --keep-days 400", "remove what is older"),),
        "report integration": (Example("report integration -o integration.html --lang ja", "one HTML file"),),
        "measure schedule": (
            Example("measure schedule --all", "today's tests of all schools"),
            Example("measure schedule --school kw-s01 --day 2026-12-02 --json", "of one school on another day"),
        ),
        "measure uplinks": (
            Example("measure uplinks --all", "which school's uplink is full now"),
            Example("measure uplinks --school kw-s01 --seconds 300 --json", "of one school, over five minutes"),
        ),
        "measure import": (
            Example("measure import records.csv --check", "what would be taken in, and what is wrong"),
            Example("measure import records.csv --skip-bad", "the good rows, and a list of the others"),
        ),
        "report availability": (
            Example("report availability --lab", "how available each line was by month, and its outages"),
        ),
        "report bandwidth": (Example("report bandwidth -o bandwidth.html --lang ja", "one HTML file"),),
        "report measurement": (Example("report measurement 42", "one measurement and its program's words"),),
    }
)
"""By the words of a command."""


def format_examples(examples: Sequence[Example]) -> str | None:
    r"""Return the block of a command's help; None where there is none.

    >>> format_examples([Example("check", "the policy")])
    '\x08\nExamples:\n  tsunagu check  # the policy'
    """
    if not examples:
        return None
    # The library keeps the lines of a paragraph that begins so as they are.
    return "\n".join(["\b", "Examples:", *(f"  tsunagu {one.words}  # {one.purpose}" for one in examples)])
