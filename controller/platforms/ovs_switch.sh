#!/bin/sh
# What an Open vSwitch does for Tsunagu by itself: show and save its configuration, hold the lock, put a state back.
#
#   read | saved | save | load | lock OWNER RUN SECONDS | unlock OWNER RUN
#   arm RUN SECONDS | cancel RUN | restored RUN | fire RUN SECONDS (the armed job itself; nobody else calls it)
#
# The answer is one word on stdout and rc 0 (`held`, `busy OWNER SECONDS`, `cancelled`, `late`, ...); an error is rc 1
# and a sentence on stderr. The controller sends this text with every command; the switch's start-up runs `load`.
#
# Environment: OVS_RUNDIR (as for every Open vSwitch tool), TSUNAGU_SWITCH (the folder for what must outlive a session),
# TSUNAGU_BRIDGE. In the folder: guard (a mutex for the short moments of a change), lock, boot (sha256, then a running
# text), restores/RUN/ (the state to put back, this program, and ONE of the files armed, firing, cancelled, restored,
# failed: a rename of that file decides every race, because exactly one rename can win).
#
# `set -e` does not reach into a function that stands in a condition, hence `|| return 1` in those that may.
set -eu
umask 077
LC_ALL=C
export LC_ALL
home=${TSUNAGU_SWITCH:-/var/lib/tsunagu}
bridge=${TSUNAGU_BRIDGE:-br0}
closed='cookie=0x5453000000000000,table=0,priority=65535'

die() {
    printf 'ovs_switch: %s\n' "$*" >&2
    exit 1
}

vsctl() { ovs-vsctl -t 10 "$@"; }
ofctl() { ovs-ofctl -t 30 -O OpenFlow14 "$@"; }

# --- what the switch is set to ---------------------------------------------------------------------------------------

ports() (
    set -f
    names=$(vsctl list-ports "$bridge") || exit 1
    [ -n "$names" ] || exit 0
    # One word per port: no network device has a space in its name.
    rows=$(vsctl --format=csv --data=bare --no-headings --columns=name,tag,vlan_mode,trunks --if-exists list Port $names) ||
        exit 1
    case $rows in *\"*) die 'a port has a name with a comma or a quote in it; rename it' ;; esac
    printf '%s\n' "$rows" | sort
)

running() {
    mode=$(vsctl get Bridge "$bridge" fail_mode) || return 1
    rows=$(ports) || return 1
    flows=$(ofctl --names --no-stats dump-flows "$bridge") || return 1
    printf '# bridge\n%s,%s\n# ports\n%s\n# flows\n%s\n' "$bridge" "$mode" "$rows" "$flows"
}

section() { sed -n "/^# $1\$/,/^# /{/^# /d;/^\$/d;p;}" "$2"; }

# A flow that names a port which is gone would make the whole bundle fail, and a port that is gone sends nothing.
flows_of_present_ports() {
    present=$(vsctl --format=csv --data=bare --no-headings --columns=name find Interface 'ofport>=1') || return 1
    printf '%s\n' "$present" | awk '
        FNR == NR { present[$0] = 1; next }
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
    ' - "$1"
}

# put_back FOLDER: make the bridge what FOLDER/text says. Ports are not in the flow bundle: those that change their VLANs
# are closed until the flows that belong to their VLANs are in force, so no moment permits what neither state permits.
put_back() {
    [ "$(vsctl get Bridge "$bridge" fail_mode)" = secure ] || {
        printf 'ovs_switch: bridge %s: fail_mode is not secure\n' "$bridge" >&2
        return 1
    }
    section ports "$1/text" >"$1/ports" || return 1
    section flows "$1/text" >"$1/flows.all" || return 1
    flows_of_present_ports "$1/flows.all" >"$1/flows" || return 1
    ports >"$1/ports.now" || return 1
    if grep -vxF -f "$1/ports.now" "$1/ports" >"$1/ports.changed"; then
        set -- "$1"
        while IFS=, read -r name tag mode trunks; do
            # No such port in OpenFlow: nothing arrives there, and `--if-exists` leaves it out below.
            ofctl add-flow "$bridge" "$closed,in_port=\"$name\",actions=drop" 2>/dev/null || :
            set -- "$@" -- --if-exists set Port "$name" "tag=[$tag]" "vlan_mode=[$mode]" "trunks=[$trunks]"
        done <"$1/ports.changed"
        folder=$1
        shift
        vsctl "$@" || return 1
        set -- "$folder"
    fi
    ofctl --bundle replace-flows "$bridge" "$1/flows"
}

whole() { [ -s "$1" ] && [ "$(head -n 1 "$1")" = "sha256 $(tail -n +2 "$1" | sha256sum | cut -d ' ' -f 1)" ]; }

save() {
    guard
    running >"$home/boot.text"
    {
        printf 'sha256 %s\n' "$(sha256sum <"$home/boot.text" | cut -d ' ' -f 1)"
        cat "$home/boot.text"
    } >"$home/boot.new"
    rm "$home/boot.text"
    # The rename must not reach the disk before the content does, or a power cut leaves an empty boot file.
    sync "$home/boot.new"
    mv "$home/boot.new" "$home/boot"
    sync "$home"
    echo saved
}

saved() { ! whole "$home/boot" || tail -n +2 "$home/boot"; }

load() {
    [ -e "$home/boot" ] || die "there is no boot file $home/boot; nothing loaded, so a secure bridge is closed"
    whole "$home/boot" || die "the boot file $home/boot is damaged; nothing loaded, so a secure bridge is closed"
    work=$(mktemp -d "$home/load.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    tail -n +2 "$home/boot" >"$work/text"
    put_back "$work" || die "the boot file $home/boot could not be loaded"
    echo loaded
}

# --- the lock --------------------------------------------------------------------------------------------------------

guard() {
    exec 9>"$home/guard"
    flock -w 20 9 || die 'another command has been changing the lock for 20 s'
}
release() { exec 9>&-; }

# Seconds since the machine started: unlike the time of day it never jumps; the boot id tells when it starts anew.
seconds_up() {
    read -r up _ </proc/uptime
    echo "${up%%.*}"
}
boot_id() { cat /proc/sys/kernel/random/boot_id; }

# held: is there a valid hold? Sets holder, holding_run, left (seconds, may be 0 or less: expired).
held() {
    [ -e "$home/lock" ] || return 1
    read -r holder holding_run until boot <"$home/lock"
    [ "$boot" = "$(boot_id)" ] || return 1
    left=$((until - $(seconds_up)))
}

# attempt OWNER RUN SECONDS: one try; rc 1 when a restore has to end first.
attempt() {
    guard
    if held && [ "$left" -gt 0 ] && [ "$holder" != "$1" ]; then
        echo "busy $holder $left"
        return 0
    fi
    for folder in "$home"/restores/*/; do
        [ -e "$folder/armed" ] || [ -e "$folder/firing" ] || continue
        # What the same plan left behind is withdrawn; what another one left must come to its end.
        if [ "$(cat "$folder/owner")" = "$1" ] && withdraw "$folder"; then continue; fi
        if ! alive "$folder"; then
            mv "$folder/armed" "$folder/firing" 2>/dev/null || :
            release
            restore "$folder"
            return 1
        fi
        if [ -e "$folder/armed" ]; then
            read -r due <"$folder/due"
            echo "busy $(cat "$folder/owner") $((due - $(seconds_up) + 1))"
            return 0
        fi
        release
        return 1
    done
    printf '%s %s %s %s\n' "$1" "$2" "$(($(seconds_up) + $3))" "$(boot_id)" >"$home/lock.new" &&
        mv "$home/lock.new" "$home/lock" || die 'the lock could not be written'
    echo held
}

lock() {
    tries=0
    until attempt "$@"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ]; then
            echo 'busy restore 30'
            return 0
        fi
        sleep 0.1
    done
}

unlock() {
    guard
    if held && [ "$holder" = "$1" ] && [ "$holding_run" = "$2" ]; then
        rm "$home/lock"
        echo free
    else
        echo not-held
    fi
}

# --- the armed restore -----------------------------------------------------------------------------------------------

# started PID: when the process began, "" if it is gone or only waits to be reaped; tells it from a later one of its number.
started() {
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    set -- ${line##*) }
    [ "$1" = Z ] || echo "${20}"
}

alive() {
    [ -e "$1/job" ] || return 1
    read -r pid began boot <"$1/job"
    [ "$boot" = "$(boot_id)" ] && [ "$(started "$pid")" = "$began" ]
}

# withdraw FOLDER: cancel, unless it is too late (rc 1).
withdraw() {
    mv "$1/armed" "$1/cancelled" 2>/dev/null || return 1
    alive "$1" || return 0
    # The job leads its own session, so this ends its sleep too.
    kill -s TERM -- "-$pid" 2>/dev/null || :
    tries=0
    while alive "$1" && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

arm() {
    [ -n "${TSUNAGU_PROGRAM:-}" ] || die 'arm needs its own text in TSUNAGU_PROGRAM'
    guard
    held && [ "$left" -gt 0 ] && [ "$holding_run" = "$1" ] || die "run $1 does not hold the lock"
    folder=$home/restores/$1
    [ ! -e "$folder" ] || die "run $1 has armed or cancelled a restore before"
    find "$home/restores" -mindepth 2 -maxdepth 2 -mtime +7 \
        \( -name cancelled -o -name restored -o -name failed \) | while read -r old; do rm -r "${old%/*}"; done
    rm -rf "$home/arming"
    mkdir "$home/arming"
    running >"$home/arming/text"
    printf '%s\n' "$TSUNAGU_PROGRAM" >"$home/arming/program"
    printf '%s\n' "$holder" >"$home/arming/owner"
    printf '%s\n' "$(($(seconds_up) + $2))" >"$home/arming/due"
    : >"$home/arming/armed"
    sync "$home/arming"/*
    mv "$home/arming" "$folder"
    TSUNAGU_PROGRAM='' setsid sh "$folder/program" fire "$1" "$2" </dev/null >/dev/null 2>&1 9>&- &
    tries=0
    until alive "$folder"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then
            mv "$folder/armed" "$folder/cancelled" 2>/dev/null || :
            die 'the restore job did not start'
        fi
        sleep 0.1
    done
    echo armed
}

fire() {
    folder=$home/restores/$1
    printf '%s %s %s\n' "$$" "$(started "$$")" "$(boot_id)" >"$folder/job.new"
    mv "$folder/job.new" "$folder/job"
    sleep "$2"
    mv "$folder/armed" "$folder/firing" 2>/dev/null || exit 0
    restore "$folder"
}

# restore FOLDER: put the state back and record how it ended; the switch may be restarting just now, so for two minutes.
restore() {
    outcome=restored
    tries=0
    until put_back "$1" 2>>"$1/log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ]; then
            outcome=failed
            break
        fi
        sleep 2
    done
    guard
    mv "$1/firing" "$1/$outcome" 2>/dev/null || :
    run=${1%/}
    if held && [ "$holding_run" = "${run##*/}" ]; then rm "$home/lock"; fi
    release
}

cancel() {
    folder=$home/restores/$1
    guard
    # Nothing armed (yet): an `arm` of this run that is still on its way must find that it is not wanted any more.
    [ -d "$folder" ] || { mkdir "$folder" && : >"$folder/cancelled"; }
    release
    if [ -e "$folder/cancelled" ] || withdraw "$folder"; then echo cancelled; else echo late; fi
}

restored() { if [ -e "$home/restores/$1/restored" ]; then echo yes; else echo no; fi; }

# --- the way in ------------------------------------------------------------------------------------------------------

word() { case $1 in '' | .* | *[!A-Za-z0-9._-]*) die "'$1' is no name: letters, digits, '.', '_' and '-' only" ;; esac; }
number() { case $1 in '' | *[!0-9]*) die "'$1' is no number of seconds" ;; esac; }
usage() { die 'usage: read | saved | save | load | lock OWNER RUN SECONDS | unlock OWNER RUN | arm RUN SECONDS | cancel RUN | restored RUN'; }

mkdir -p "$home/restores"
case "$#:${1:-}" in
1:read) running ;;
1:saved | 1:save | 1:load) "$1" ;;
2:cancel | 2:restored) word "$2"; "$@" ;;
3:arm | 3:fire) word "$2"; number "$3"; "$@" ;;
3:unlock) word "$2"; word "$3"; "$@" ;;
4:lock) word "$2"; word "$3"; number "$4"; "$@" ;;
*) usage ;;
esac
