# What a device of ours does by itself, whatever system it runs: hold the lock, put a state back, and the way in. It is
# put behind the text of one system (`ovs/switch.sh`, `frr/router.sh`), which defines
#
#   me             what errors begin with, and how `die` says them
#   home           the folder for what must outlive a session
#   running        show the running configuration
#   put_back FOLDER    make the device what FOLDER/text, a running configuration, says; safe to do again
#   pushed WORDS   run a command that changes the device (its input is on stdin, and the file $input), in 25 s or rc 124
#   saved, save [RUN], load    what the device boots with: show it, write it (only a run that `holds` the lock), use it
#
# The two together are one program, installed on the device: owned by root, in a folder of root's, so that whoever logs in
# cannot change what runs. A login has no shell; sshd runs `PROGRAM forced read` or `PROGRAM forced change` for its key.
#
# In the folder: guard (a mutex for the short moments of a change), lock, restores/RUN/ (the state to put back, and ONE of
# the files armed, firing, cancelled, superseded, restored, failed; it is renamed under the guard only, so exactly one
# rename wins).
#
# Who may change anything: the run that the lock names, and while it pushes only as long as its restore is armed; both
# are checked under the guard, which is held until the change is made. A later run of the same plan (OWNER) may take the
# lock over; the earlier one can then change nothing any more. Its restore stays armed until the later one's takes its
# place, with the same text: what is put back is always what was there before the plan.

# --- the lock --------------------------------------------------------------------------------------------------------

guard() {
    exec 9>"$home/guard"
    flock -w 20 9 || die 'another command has been changing something for 20 s'
}
# For what must not give up.
guard_at_last() {
    exec 9>"$home/guard"
    flock 9
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

# holds RUN: is the lock this run's? It may have expired: while nobody else has taken it, that harms nobody.
holds() { held && [ "$holding_run" = "$1" ]; }

# attempt OWNER RUN SECONDS: one try; rc 1 when a restore has to end first.
attempt() {
    guard
    if held && [ "$left" -gt 0 ] && [ "$holder" != "$1" ]; then
        echo "busy $holder $left"
        return 0
    fi
    for folder in "$home"/restores/*/; do
        [ -e "$folder/armed" ] || [ -e "$folder/firing" ] || continue
        # What the same plan armed protects on, and long enough; what another plan armed must come to its end.
        if [ -e "$folder/armed" ] && alive "$folder" && [ "$(cat "$folder/owner")" = "$1" ]; then
            prolong "$folder" "$3"
            continue
        fi
        if ! alive "$folder"; then
            begin "$folder" || :
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
    {
        printf '%s %s %s %s\n' "$1" "$2" "$(($(seconds_up) + $3))" "$(boot_id)" >"$home/lock.new" &&
            mv "$home/lock.new" "$home/lock"
    } || die 'the lock could not be written'
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
    if holds "$2" && [ "$holder" = "$1" ]; then
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
    # shellcheck disable=SC2086 # the fields of the line, which are numbers and one letter
    set -- ${line##*) }
    [ "$1" = Z ] || echo "${20}"
}

alive() {
    [ -e "$1/job" ] || return 1
    read -r pid began boot <"$1/job"
    [ "$boot" = "$(boot_id)" ] && [ "$(started "$pid")" = "$began" ]
}

# withdraw FOLDER OUTCOME: end an armed restore, unless it is too late (rc 1).
withdraw() {
    mv "$1/armed" "$1/$2" 2>/dev/null || return 1
    alive "$1" || return 0
    # The job leads its own session, so this ends its sleep too.
    kill -s TERM -- "-$pid" 2>/dev/null || :
    tries=0
    while alive "$1" && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

# supersede RUN: end what earlier runs of the plan that holds the lock have armed.
supersede() {
    for other in "$home"/restores/*/; do
        { [ -e "$other/armed" ] && [ "$other" != "$home/restores/$1/" ]; } || continue
        [ "$(cat "$other/owner")" != "$holder" ] || withdraw "$other" superseded || :
    done
}

# prolong FOLDER SECONDS: fire no earlier than that.
prolong() {
    read -r due <"$1/due"
    [ "$due" -lt "$(($(seconds_up) + $2))" ] || return 0
    { printf '%s\n' "$(($(seconds_up) + $2))" >"$1/due.new" && mv "$1/due.new" "$1/due"; } ||
        die 'the armed restore could not be prolonged'
}

arm() {
    [ -r "$0" ] || die 'arm needs this program as a file: what fires later is run from it'
    guard
    { holds "$1" && [ "$left" -gt 0 ]; } || die "run $1 does not hold the lock"
    folder=$home/restores/$1
    [ ! -e "$folder" ] || die "run $1 has armed or cancelled a restore before"
    find "$home/restores" -mindepth 2 -maxdepth 2 -mtime +7 \
        \( -name cancelled -o -name superseded -o -name restored -o -name failed \) |
        while read -r old; do rm -r "${old%/*}"; done
    find "$home" -maxdepth 1 -name 'input.*' -mmin +10 -exec rm -f {} +
    rm -rf "$home/arming"
    mkdir "$home/arming"
    # What an earlier run of this plan has armed knows the state from before the plan; what runs now may be half of it.
    inherited=
    for other in "$home"/restores/*/; do
        if [ -e "$other/armed" ] && [ "$(cat "$other/owner")" = "$holder" ]; then inherited=$other; fi
    done
    if [ -n "$inherited" ]; then cp "$inherited/text" "$home/arming/text"; else running >"$home/arming/text"; fi
    printf '%s\n' "$holder" >"$home/arming/owner"
    printf '%s\n' "$(($(seconds_up) + $2))" >"$home/arming/due"
    : >"$home/arming/armed"
    sync "$home/arming"/*
    mv "$home/arming" "$folder"
    setsid sh "$0" fire "$1" </dev/null >/dev/null 2>&1 9>&- &
    tries=0
    until alive "$folder"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then
            mv "$folder/armed" "$folder/cancelled" 2>/dev/null || :
            die 'the restore job did not start'
        fi
        sleep 0.1
    done
    # Killed before this, both are armed, and both put the same text back.
    supersede "$1"
    echo armed
}

# begin FOLDER: from armed to firing, under the guard. A later run of the plan that has the lock has seen what is now
# put away; it has to look again.
begin() {
    mv "$1/armed" "$1/firing" 2>/dev/null || return 1
    if held && [ "$holder" = "$(cat "$1/owner")" ]; then rm "$home/lock"; fi
}

fire() {
    folder=$home/restores/$1
    printf '%s %s %s\n' "$$" "$(started "$$")" "$(boot_id)" >"$folder/job.new"
    mv "$folder/job.new" "$folder/job"
    while :; do
        guard_at_last
        [ -e "$folder/armed" ] || exit 0
        read -r due <"$folder/due"
        rest=$((due - $(seconds_up)))
        [ "$rest" -gt 0 ] || break
        release
        sleep "$rest"
    done
    begin "$folder" || exit 0
    release
    restore "$folder"
}

# restore FOLDER: put the state back and record how it ended; the device may be restarting just now, so for two minutes.
# Under the guard and while it is still firing: of two that make up for a lost job the second must not come later.
restore() {
    tries=0
    while :; do
        guard_at_last
        [ -e "$1/firing" ] || break
        if put_back "$1" 2>>"$1/log"; then
            mv "$1/firing" "$1/restored"
            break
        fi
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ]; then
            mv "$1/firing" "$1/failed"
            break
        fi
        release
        sleep 2
    done
    release
}

# push RUN WORDS: run a command with our input, only while the run holds the lock and its restore is armed and not yet
# due. The guard goes to the command too, so nothing fires before it has ended; hence the limit. The input comes first:
# who sends slowly must not keep the device from putting its state back.
push() {
    run=$1
    shift
    input=$home/input.$$
    trap 'rm -f "$input"' EXIT
    timeout -k 2 25 head -c "$((most_input + 1))" >"$input" || die 'the input of the command did not come in 25 s'
    [ "$(wc -c <"$input")" -le "$most_input" ] || die "the input of a command has at most $most_input bytes"
    guard
    folder=$home/restores/$run
    holds "$run" || die "late: run $run does not hold the lock any more; nothing was changed"
    { [ -e "$folder/armed" ] && alive "$folder" && read -r due <"$folder/due" && [ "$(seconds_up)" -lt "$due" ]; } ||
        die "late: the restore fired before the change was pushed; nothing was changed"
    rc=0
    pushed "$@" <"$input" || rc=$?
    [ "$rc" -ne 124 ] || die 'the command did not end in 25 s'
    exit "$rc"
}

# only EXPRESSION: refuse an input with a line that is not wholly of this form (an extended regular expression). With a
# NUL in it grep takes the whole input for binary and shows no line, so `-a`, no NUL, and the status says if all is well.
only() {
    [ "$(tr -d '\000' <"$input" | wc -c)" -eq "$(wc -c <"$input")" ] ||
        die 'the input of a command has only characters, and no zero bytes; nothing was changed'
    matched=0
    odd=$(grep -a -n -m 1 -Evx -e "$1" "$input") || matched=$?
    case $matched in
    0)
        odd=$(printf '%s\n' "$odd" | cut -c 1-80)
        die "line ${odd%%:*} of the input is no line that can be pushed; nothing was changed: ${odd#*:}"
        ;;
    1) ;;
    *) die 'the input of the command could not be read; nothing was changed' ;;
    esac
}

cancel() {
    folder=$home/restores/$1
    guard
    if holds "$1"; then
        # Nothing armed (yet): an `arm` of this run that is still on its way must find that it is not wanted any more.
        [ -d "$folder" ] || { mkdir "$folder" && : >"$folder/cancelled"; }
        if [ -e "$folder/cancelled" ] || withdraw "$folder" cancelled; then supersede "$1"; fi
    fi
    if [ -e "$folder/cancelled" ]; then echo cancelled; else echo late; fi
}

# armed: is any restore armed, or firing? Under the guard, so a change that is being made has ended.
armed() {
    guard
    for folder in "$home"/restores/*/; do
        if [ -e "$folder/armed" ] || [ -e "$folder/firing" ]; then
            echo yes
            return 0
        fi
    done
    echo no
}

restored() {
    if [ -e "$home/restores/$1/restored" ]; then
        echo yes
    elif [ -e "$home/restores/$1/superseded" ]; then
        echo superseded
    else
        echo no
    fi
}

# --- the way in ------------------------------------------------------------------------------------------------------

most_input=4194304
longest_command=32768
longest_hold=86400

word() {
    case $1 in '' | .* | *[!A-Za-z0-9._-]*) die "'$1' is no name: letters, digits, '.', '_' and '-' only" ;; esac
    [ "${#1}" -le 128 ] || die 'a name has at most 128 characters'
}
number() {
    case $1 in 0 | [1-9] | [1-9][0-9] | [1-9][0-9][0-9] | [1-9][0-9][0-9][0-9] | [1-9][0-9][0-9][0-9][0-9]) ;; *)
        die "'$1' is no number of seconds: 0 to $longest_hold, without a zero before it"
        ;;
    esac
    [ "$1" -le "$longest_hold" ] || die "'$1' is no number of seconds: at most $longest_hold"
}
usage() { die 'usage: read | saved | save [RUN] | load | armed | lock OWNER RUN SECONDS | unlock OWNER RUN | arm RUN SECONDS | push RUN WORDS | cancel RUN | restored RUN'; }

# refuse_changeable PATH: the program, and every folder on the way to it. Who can rename a folder can put another program
# in its place; who owns one can permit it to himself.
refuse_changeable() {
    place=$1
    while :; do
        { [ ! -w "$place" ] && [ -z "$(find "$place" -prune -user "$(id -u)")" ]; } ||
            die "$place can be changed by who logs in; install it as root's own"
        [ "$place" != / ] || break
        place=${place%/*}
        place=${place:-/}
    done
}

# enter read|change: the way in by SSH, for sshd's forced command. What the client sent is split at its spaces, and nothing
# of it is ever read by a shell; the key decides if it may change anything. Leaves it in `line`.
enter() {
    may=${1:-}
    line=${SSH_ORIGINAL_COMMAND:-}
    if [ "$(id -u)" -ne 0 ]; then
        case $0 in /*) ;; *) die "the forced command must name the program's whole path" ;; esac
        refuse_changeable "$0"
        refuse_changeable "$(readlink -f "$0")"
    fi
    [ "${#line}" -le "$longest_command" ] || die "a command has at most $longest_command characters"
    case $line in
    '') die 'there is no shell and no terminal here; a command is one of read, saved, armed, restored, lock, unlock, arm, push, cancel, save' ;;
    *[!]A-Za-z0-9._=,:[\ -]*) die "a command has letters, digits, spaces and a few signs only" ;;
    esac
    verb=${line%% *}
    case $verb in
    read | saved | armed | restored) ;;
    lock | unlock | arm | push | cancel | save) [ "$may" = change ] || die "this access can only read; '$verb' needs the one that changes" ;;
    *) die "'$verb' is no command; one of read, saved, armed, restored, lock, unlock, arm, push, cancel, save" ;;
    esac
}

if [ "${1:-}" = forced ]; then
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export PATH
    [ "$#" -eq 2 ] || die 'usage: forced read | forced change'
    case $2 in read | change) enter "$2" ;; *) die 'usage: forced read | forced change' ;; esac
    set -f
    # shellcheck disable=SC2086 # split at its spaces, on purpose; no character of it means anything else
    set -- $line
    set +f
    # Of the words, not of the line: a space behind the verb is no run.
    [ "$*" != save ] || die 'save needs the run that holds the lock'
fi

mkdir -p "$home/restores"
case "$#:${1:-}" in
1:read) running ;;
1:saved | 1:save | 1:load | 1:armed) "$1" ;;
2:save | 2:cancel | 2:restored | 2:fire) word "$2"; "$@" ;;
3:arm) word "$2"; number "$3"; "$@" ;;
3:unlock) word "$2"; word "$3"; "$@" ;;
4:lock) word "$2"; word "$3"; number "$4"; "$@" ;;
[3-9]:push | [1-9][0-9]:push | [1-9][0-9][0-9]:push | [1-9][0-9][0-9][0-9]:push) word "$2"; "$@" ;;
*) usage ;;
esac
