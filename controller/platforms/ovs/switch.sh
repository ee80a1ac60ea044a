#!/bin/sh
# What an Open vSwitch does for Tsunagu by itself: show and save its configuration, hold the lock, put a state back.
#
#   read | learnt | saved | save [RUN] | load | lock OWNER RUN SECONDS | unlock OWNER RUN
#   arm RUN SECONDS | push RUN WORDS | cancel RUN | armed | restored RUN | unconfirmed | repair RUN back|keep
#   fire RUN (the armed job itself; nobody else calls it)
#
# The answer is one word on stdout and rc 0 (`held`, `busy OWNER SECONDS`, `cancelled`, `late`, ...); an error is rc 1
# and a sentence on stderr. This text, with `own_restore.sh` behind it, is installed on the switch; its start-up runs
# `load`, and sshd's forced command `forced read` or `forced change`.
#
# Environment: OVS_RUNDIR (as for every Open vSwitch tool), TSUNAGU_SWITCH (the folder for what must outlive a session),
# TSUNAGU_BRIDGE, TSUNAGU_CONTROL (the socket of ovs-vswitchd, where it is not in its usual place). In the folder, beside
# what `own_restore.sh` keeps: boot (sha256, then a running text).
#
# `set -e` does not reach into a function that stands in a condition, hence `|| return 1` in those that may.
set -eu
umask 077
LC_ALL=C
export LC_ALL
home=${TSUNAGU_SWITCH:-/var/lib/tsunagu}
me=ovs_switch
bridge=${TSUNAGU_BRIDGE:-br0}
closed='cookie=0x5453000000000000,table=0,priority=65535'

die() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 1
}

vsctl() { ovs-vsctl -t 10 "$@"; }
ofctl() { ovs-ofctl -t 30 -O OpenFlow14 "$@"; }

# --- what the switch is set to ---------------------------------------------------------------------------------------

ports() (
    set -f
    names=$(vsctl list-ports "$bridge") || exit 1
    [ -n "$names" ] || exit 0
    # shellcheck disable=SC2086 # one word per port: no network device has a space in its name
    rows=$(vsctl --format=csv --data=bare --no-headings --columns=name,tag,vlan_mode,trunks --if-exists list Port $names) ||
        exit 1
    case $rows in *\"*) die 'a port has a name with a comma or a quote in it; rename it' ;; esac
    printf '%s\n' "$rows" | sort
)

# What of a bridge decides beside its flows, or copies what passes: a line for each of these that holds something.
beside='controller mirrors netflow sflow ipfix flow_tables flood_vlans'

bridge_lines() (
    # shellcheck disable=SC2086 # one word per column
    told=$(vsctl get Bridge "$bridge" fail_mode $beside) || exit 1
    lines "$told" | awk -v bridge="$bridge" -v beside="$beside" '
        BEGIN { split(beside, name, " ") }
        NR == 1 { print bridge "," $0; next }
        !/^(\[\]|\{\})$/ { print name[NR - 1] }
    '
)

running() {
    top=$(bridge_lines) || return 1
    rows=$(ports) || return 1
    flows=$(ofctl --names --no-stats dump-flows "$bridge") || return 1
    printf '# bridge\n%s\n# ports\n%s\n# flows\n%s\n' "$top" "$rows" "$flows"
}

# learnt: the names of the bridge's interfaces by their numbers, and the hosts that were seen at them.
learnt() (
    set -f
    names=$(vsctl list-ifaces "$bridge") || exit 1
    rows=
    # shellcheck disable=SC2086 # one word per interface
    [ -z "$names" ] ||
        rows=$(vsctl --format=csv --data=bare --no-headings --columns=ofport,name --if-exists list Interface $names) ||
        exit 1
    # An interface that is not there has a negative number, or none.
    rows=$(lines "$rows" | awk '/^[0-9]+,/' | sort -n) || exit 1
    table=$(ovs-appctl -T 10 -t "${TSUNAGU_CONTROL:-ovs-vswitchd}" fdb/show "$bridge") || exit 1
    printf '# ports\n%s\n# learnt\n%s\n' "$rows" "$table"
)

section() { sed -n "/^# $1\$/,/^# /{/^# /d;/^\$/d;p;}"; }

# A flow that names a port which is gone would make the whole bundle fail, and a port that is gone sends nothing.
flows_of_present_ports() {
    present=$(vsctl --format=csv --data=bare --no-headings --columns=name find Interface 'ofport>=1') || return 1
    { lines "$present" && echo '# flows' && cat; } | awk '
        /^# flows$/ { flows = 1; next }
        !flows { present[$0] = 1; next }
        match($0, /in_port=[^, ]+/) {
            port = substr($0, RSTART + 8, RLENGTH - 8)
            gsub(/"/, "", port)
            gsub(/"/, "", port)
            if (port !~ /^[0-9]+$|^[A-Z]+$/ && !(port in present)) {
                print "ovs_switch: port " port " is not there; its flow is left out" > "/dev/stderr"
                next
            }
        }
        { print }
    '
}

# put_back: make the bridge what stdin says, with no file of this folder. Ports are not in the flow bundle: those that
# change their VLANs are closed until the flows that belong to their VLANs are in force, so no moment permits what neither
# state permits.
put_back() (
    [ "$(vsctl get Bridge "$bridge" fail_mode)" = secure ] || die "bridge $bridge: fail_mode is not secure"
    text=$(cat)
    flows=$(lines "$text" | section flows | flows_of_present_ports) || exit 1
    now=$(ports) || exit 1
    changed=$({ lines "$now" && echo '# wanted' && lines "$text" | section ports; } | awk '
        /^# wanted$/ { wanted = 1; next }
        !wanted { now[$0] = 1; next }
        !($0 in now)
    ') || exit 1
    set -f
    IFS='
'
    set --
    for row in $changed; do
        name=${row%%,*} row=${row#*,}
        tag=${row%%,*} row=${row#*,}
        mode=${row%%,*} trunks=${row#*,}
        # No such port in OpenFlow: nothing arrives there, and `--if-exists` leaves it out below.
        ofctl add-flow "$bridge" "$closed,in_port=\"$name\",actions=drop" 2>/dev/null || :
        set -- "$@" -- --if-exists set Port "$name" "tag=[$tag]" "vlan_mode=[$mode]" "trunks=[$trunks]"
    done
    [ "$#" -eq 0 ] || vsctl "$@" || exit 1
    lines "$flows" | ofctl --bundle replace-flows "$bridge" -
)

whole() { [ -s "$1" ] && [ "$(head -n 1 "$1")" = "sha256 $(tail -n +2 "$1" | sha256sum | cut -d ' ' -f 1)" ]; }

save() {
    guard
    # Without a run: the switch's own console, or whoever sets the switch up.
    [ "$#" -eq 0 ] || holds "$1" || die "run $1 does not hold the lock; nothing was saved"
    text=$(running) || die 'nothing was saved'
    # The rename must not reach the disk before the content does, or a power cut leaves an empty boot file.
    {
        { printf 'sha256 %s\n' "$(lines "$text" | sha256sum | cut -d ' ' -f 1)" && lines "$text"; } >"$home/boot.new" &&
            sync "$home/boot.new" && mv "$home/boot.new" "$home/boot" && sync "$home"
    } 2>/dev/null || {
        rm -f "$home/boot.new" 2>/dev/null || :
        die "$home/boot could not be written: its disk is full or read-only; the boot file is the one from before"
    }
    echo saved
}

saved() { ! whole "$home/boot" || tail -n +2 "$home/boot"; }

load() {
    [ -e "$home/boot" ] || die "there is no boot file $home/boot; nothing loaded, so a secure bridge is closed"
    whole "$home/boot" || die "the boot file $home/boot is damaged; nothing loaded, so a secure bridge is closed"
    tail -n +2 "$home/boot" | put_back || die "the boot file $home/boot could not be loaded"
    echo loaded
}

# What can be pushed: a bundle of flows that bear our cookie, or VLANs of ports in one transaction. Every word is checked.
pushed() {
    name='[A-Za-z0-9_.-]{1,15}'
    case $* in
    "ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows $bridge -")
        delete="delete cookie=0x5453000000000000/0xffff000000000000(,table=0,in_port=\"?$name\"?)?"
        # What matches, by name: ovs-ofctl takes the last of two cookies, and timeouts, tables and actions as fields, too.
        number='(0x[0-9a-f]{1,8}|[0-9]{1,8})'
        protocol='arp|ip|ipv6|icmp|icmp6|tcp|tcp6|udp|udp6|sctp|sctp6'
        field="(reg0|vlan_tci|dl_vlan|nw_proto|tp_src|tp_dst|icmp_type)=$number(/$number)?"
        address='(nw_src|nw_dst|ipv6_src|ipv6_dst)=[0-9a-f.:]{2,45}(/[0-9a-f.:]{1,45})?'
        match="priority=[0-9]{1,5}(,($protocol|in_port=\"?$name\"?|$field|$address|tcp_flags=[+]ack|tcp_flags=[+]rst))*"
        action='drop|NORMAL|set_field:0x[0-9a-f]{1,8}->reg0,goto_table:1'
        only "$delete|add cookie=0x5453[0-9a-f]{12}, (table=1, )?$match actions=($action)"
        timeout -k 2 25 "$@"
        ;;
    'ovs-vsctl -t 10 -- '*)
        set="-- set Port $name tag=\\[[0-9]{0,4}\\] vlan_mode=(access|trunk) trunks=\\[[0-9,]*\\]"
        printf '%s\n' "$*" | grep -a -Eqx "ovs-vsctl -t 10( $set)+" ||
            die 'that is no setting of ports that can be pushed; nothing was changed'
        timeout -k 2 25 "$@"
        ;;
    *) die 'that is no command that can be pushed to a switch; nothing was changed' ;;
    esac
}

