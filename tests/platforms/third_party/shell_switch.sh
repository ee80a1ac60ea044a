#!/bin/sh
# A switch whose configuration is the file `running`: the part that stands before `own_restore.sh`.
set -eu
umask 027
me=shell_switch
home=${SHELL_SWITCH:-/var/lib/tsunagu}

die() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 1
}
install_text() { cat >"$home/running.new" && mv "$home/running.new" "$home/running"; }
running() { [ ! -e "$home/running" ] || cat "$home/running"; }
put_back() { install_text; }
pushed() {
    [ "$1" = install ] || die "'$1' is no command that can be pushed"
    install_text
}
save() {
    guard
    [ "$#" -eq 0 ] || holds "$1" || die "run $1 does not hold the lock; nothing was saved"
    running >"$home/startup"
    echo saved
}
saved() { [ ! -e "$home/startup" ] || cat "$home/startup"; }
load() { install_text <"$home/startup"; }
