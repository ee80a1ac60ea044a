#!/usr/bin/env bash
# Debian packages for set-up, whose services start neither now nor at the next boot.
#
#   tools/setup_services.sh install PACKAGE...   install them; then disable the units that they brought, exactly those
#   tools/setup_services.sh finish               the same for an earlier set-up that was killed
#
# What is enabled before is written down before the first change. A guard in a session of its own waits until the
# install has ended, well or by any signal, and disables what was not there before. Should the guard be killed, too, the
# next set-up does it. While packages are installed, policy-rc.d forbids to start services; one that somebody else put
# there is left as it is.
set -euo pipefail

root=${TSUNAGU_SETUP_ROOT:-}
state=$root/var/lib/tsunagu/set-up
before=$state/enabled-before
guarded=$state/guarded
policy=$root/usr/sbin/policy-rc.d
marker='# tsunagu set-up: forbids to start services while it installs packages; removed at its end'

complain() { echo "set-up: $*" >&2; }

# Every unit that starts by itself, as "system NAME", "user NAME" or "sysv NAME"; masked ones (links to nothing) do not.
list_enabled() {
    local scope
    for scope in system user; do
        # A link in a folder (x.wants/NAME) has the unit's own name; one beside it is another name of what it points to.
        find "$root/etc/systemd/$scope" -mindepth 2 -type l ! -lname /dev/null -printf "$scope %f\n" 2>/dev/null || true
        find "$root/etc/systemd/$scope" -maxdepth 1 -type l ! -lname /dev/null -printf '%l\n' 2>/dev/null |
            sed "s|.*/||; s|^|$scope |" || true
    done
    find "$root"/etc/rc[2-5S].d -type l -name 'S*' -printf '%f\n' 2>/dev/null | sed -E 's/^S[0-9]*/sysv /' || true
}

list_new() { comm -13 "$before" <(list_enabled | sort -u); }

disable() {
    local scope=$1 name=$2
    case $scope in
    system)
        systemctl disable "$name" || return
        # Where somebody else's policy-rc.d lets services start, it runs already.
        ! systemctl is-active --quiet "$name" || systemctl stop "$name"
        ;;
    user) systemctl --global disable "$name" ;;
    sysv) update-rc.d "$name" disable ;;
    esac
}

remove_policy() {
    if [ -f "$policy" ] && grep -qxF "$marker" "$policy"; then
        rm -f "$policy"
    fi
}

# Under the lock. Does nothing where no install was begun.
finish() {
    local scope name left names=()
    if [ -e "$before" ]; then
        # Units first: a script of the old kind (sysv) goes with the unit of its name.
        while read -r scope name; do
            if list_new | grep -qxF "$scope $name"; then
                disable "$scope" "$name" >/dev/null 2>"$state/disable.log" || complain "$(cat "$state/disable.log")"
                names+=("$name")
            fi
        done < <(list_new | sort -t ' ' -k 1,1r -k 2,2)
        left=$(list_new)
        if [ -n "$left" ]; then
            complain "these units start at the next boot and did not before; disable them by hand:" \
                "$(cut -d ' ' -f 2 <<<"$left" | sort -u | paste -sd ' ')"
            remove_policy
            return 1
        fi
        [ ${#names[@]} = 0 ] || echo "set-up: disabled what the packages had enabled: ${names[*]}"
    fi
    remove_policy
    rm -f "$before" "$state/disable.log" "$guarded"
}

take_lock() {
    mkdir -p "$state"
    exec 8>"$state/lock"
    flock 8
}

place_policy() {
    local made=$policy.tsunagu-$$
    [ ! -e "$policy" ] && [ ! -L "$policy" ] || return 0
    mkdir -p "${policy%/*}"
    printf '#!/bin/sh\n%s\nexit 101\n' "$marker" >"$made"
    chmod 755 "$made"
    # A link is made only where nothing is: what somebody put there in between stays.
    ln "$made" "$policy" 2>/dev/null || true
    rm -f "$made"
}

install_packages() {
    local log status=0 guard
    take_lock
    finish
    log=$state/apt.log
    rm -f "$guarded"
    list_enabled | sort -u >"$before.new"
    mv "$before.new" "$before"
    exec 9> >(exec setsid "${BASH_SOURCE[0]}" guard)
    guard=$!
    # Until it is in a session of its own, what ends set-up ends it, too.
    until [ -e "$guarded" ] || ! kill -0 "$guard" 2>/dev/null; do sleep 0.02; done
    place_policy
    export DEBIAN_FRONTEND=noninteractive
    # The pipe is handed on: killed, set-up leaves an apt-get that goes on, and the guard waits for the end of both.
    {
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
    } >"$log" 2>&1 8>&- || status=1
    [ $status = 0 ] || tail -n 20 "$log" >&2
    echo 'done' >&9 || true
    exec 9>&-
    wait "$guard" || status=1
    return $status
}

case ${1:-} in
install)
    shift
    install_packages "$@"
    ;;
finish)
    # Most often there is nothing, and then nobody needs to be root.
    [ -e "$before" ] || grep -qxsF "$marker" "$policy" || exit 0
    take_lock
    finish
    ;;
guard)
    trap '' INT HUP TERM
    : >"$guarded"
    read -r _ || true
    finish
    ;;
*)
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac
