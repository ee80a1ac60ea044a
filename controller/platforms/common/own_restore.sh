# What a device of ours does by itself, whatever system it runs: hold the lock, put a state back, and the way in. It is
# put behind the text of one system (`ovs/switch.sh`, `frr/router.sh`), which defines
#
#   me             what errors begin with, and how `die` says them
#   home           the folder for what must outlive a session
#   rooms          the folders, one a line, that saving or putting back writes to; without it, home alone
#   running        show the running configuration
#   put_back       make the device what stdin, a running configuration, says; needs no file but the system's own; safe to
#                  do again, and changes nothing where it is so already
#   pushed WORDS   run a command that changes the device (its input is on stdin, and the file $input), in 25 s or rc 124
#   saved, save [RUN], load    what the device boots with: show it, write it (only a run that `holds` the lock), use it
#
# The two together are one program, installed on the device: owned by root, in a folder of root's, so that whoever logs in
# cannot change what runs. A login has no shell; sshd runs `PROGRAM forced read` or `PROGRAM forced change` for its key.
#
# TSUNAGU_KEYS names the file that sshd reads keys from (AuthorizedKeysFile), where these may be rotated from the controller: who
# logs in owns it. Without it whoever installs the device sets its keys, as root's own file.
#
# In the folder: guard (a mutex for the short moments of a change), lock, restores/RUN/ (the state to put back, the keys
# of then, and ONE of the files armed, firing, failed, cancelled, superseded, restored, kept; it is renamed under the guard only, so exactly
# one rename wins). armed, firing and failed are unconfirmed: nobody knows yet what the device will stay at.
#
# Who may change anything: the run that the lock names, and while it pushes only as long as its restore is armed; both
# are checked under the guard, which is held until the change is made. A later run of the same plan (OWNER) may take the
# lock over; the earlier one can then change nothing any more. Its restore stays armed until the later one's takes its
# place, with the same text: what is put back is always what was there before the plan.
#
# A disk that fails is what a restore is likeliest to meet. So `arm` writes and tries all that it needs, and from then on
# the job has the text, the owner and the time in memory: it puts the state back with this folder full, read-only or gone,
# and what it writes of that is for those who read it later. While a job lives it is found by its command line, too.

# --- the lock --------------------------------------------------------------------------------------------------------

# Opened for reading, which a read-only disk permits.
guard() {
    [ -e "$home/guard" ] || { printf '' >>"$home/guard"; } 2>/dev/null ||
        die "$home/guard cannot be made: is the folder there, and can its disk be written?"
    exec 9<"$home/guard"
    flock -w 20 9 || die 'another command has been changing something for 20 s'
}
# For what must not give up, and has the guard open since it began.
guard_again() { flock 9; }
release() { flock -u 9; }

# lines TEXT: print a text that was kept in a variable.
lines() { [ -z "$1" ] || printf '%s\n' "$1"; }

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
    # Who cannot write its lock changes nothing, and makes up for nothing either.
    printf '%s %s %s %s\n' "$1" "$2" "$(($(seconds_up) + $3))" "$(boot_id)" 2>/dev/null >"$home/lock.new" ||
        die "the lock could not be written: the disk of $home is full or read-only"
    for folder in "$home"/restores/*/; do
        find_state "$folder" || continue
        if [ "$state" = failed ]; then
            echo "unconfirmed $owner $run $(armed_for "$folder")"
            return 0
        fi
        # What the same plan armed protects on, and long enough; what another plan armed must come to its end.
        if [ "$state" = armed ] && alive "$folder" && [ "$owner" = "$1" ]; then
            prolong "$folder" "$3"
            continue
        fi
        if ! alive "$folder"; then
            load_restore "$folder" || die "what $folder would put back cannot be read"
            begin "$folder" "$owner"
            release
            restore "$folder" 60
            return 1
        fi
        if [ "$state" = armed ]; then
            echo "busy $owner $((due - $(seconds_up) + 1))"
            return 0
        fi
        release
        return 1
    done
    lost=$(lost_jobs)
    if [ -n "$lost" ]; then
        read_lost "$lost"
        if [ "$left" -gt -30 ]; then echo "busy $owner $((left + 1))"; else echo "unconfirmed $owner $run $ago"; fi
        return 0
    fi
    mv "$home/lock.new" "$home/lock" || die 'the lock could not be written'
    echo held
}

lock() {
    waits=0
    until attempt "$@"; do
        waits=$((waits + 1))
        if [ "$waits" -gt 200 ]; then
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

# find_state FOLDER: is what it armed unconfirmed? Sets state, run, owner, due (seconds since the machine started).
find_state() {
    state='' run=${1%/} run=${run##*/} owner='' due=0
    for one in failed firing armed; do [ ! -e "$1/$one" ] || state=$one; done
    [ -n "$state" ] || return 1
    { read -r owner <"$1/owner" && read -r due <"$1/due"; } 2>/dev/null || owner=nobody
}

# ended FOLDER: has it come to one of its ends, so that nothing of it is to come?
ended() { [ -e "$1/cancelled" ] || [ -e "$1/superseded" ] || [ -e "$1/restored" ] || [ -e "$1/kept" ]; }

# settle FOLDER OUTCOME: say what became of it; rc 1 where that cannot be written.
settle() {
    for one in armed firing failed; do
        [ ! -e "$1/$one" ] || mv "$1/$one" "$1/$2" 2>/dev/null || return 1
    done
}

# armed_for FOLDER: how many seconds ago it was armed; the file keeps its time when it is renamed, also while this looks.
armed_for() {
    since=''
    for one in "$state" firing failed restored kept cancelled superseded; do
        since=$(stat -c %Y "$1/$one" 2>/dev/null) && break
    done
    age=$(($(date +%s) - ${since:-$(date +%s)}))
    [ "$age" -ge 0 ] || age=0
    echo "$age"
}

# lost_jobs: PID RUN OWNER DUE ARMED of each job of this device that lives while the folder does not say so any more.
lost_jobs() {
    # -e and its word are one, so that grep does not find itself.
    # shellcheck disable=SC2062 # the pattern is what stands behind -e
    grep -lszxF -e"for=$home" /proc/[0-9]*/cmdline | while IFS= read -r path; do
        process=${path#/proc/}
        tr '\000' '\n' 2>/dev/null <"$path" | tail -n 5 | {
            read -r run && read -r _ && read -r owner && read -r due && read -r since || exit 0
            alive "$home/restores/$run" || echo "${process%/cmdline} $run $owner $due $since"
        }
    done
}

# read_lost LINES: the first of them, into job, run, owner, left and ago (seconds).
read_lost() {
    # shellcheck disable=SC2086 # names and numbers
    set -- $1
    job=$1 run=$2 owner=$3 left=$(($4 - $(seconds_up))) ago=$(($(seconds_up) - $5))
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

# prune: forget the oldest of what has ended, beyond the newest ten and beyond 1 MiB in sum.
prune() {
    number=0 size=0
    # shellcheck disable=SC2012 # every name is a `word`; find cannot sort by age
    ls -1t "$home/restores" | while IFS= read -r run; do
        ended "$home/restores/$run" || continue
        number=$((number + 1)) size=$((size + $(du -sk "$home/restores/$run" | cut -f 1)))
        if [ "$number" -gt 10 ] || [ "$size" -gt 1024 ]; then rm -r "$home/restores/$run"; fi
    done
}

# reserve BYTES: keep room where saving or putting back writes; free_room gives it back to them.
reserve() (
    IFS='
'
    for room in ${rooms:-$home}; do head -c "$1" /dev/zero >"$room/.tsunagu-room" || exit 1; done
) 2>/dev/null
free_room() (
    IFS='
'
    for room in ${rooms:-$home}; do rm -f "$room/.tsunagu-room"; done
) 2>/dev/null

# prepare SECONDS: write all that a restore of $text by $holder needs to home/arming.
prepare() {
    mkdir "$home/arming" && lines "$text" >"$home/arming/text" && lines "$keys" >"$home/arming/keys" &&
        printf '%s\n' "$holder" >"$home/arming/owner" &&
        printf '%s\n' "$(($(seconds_up) + $1))" >"$home/arming/due" && printf '' >"$home/arming/armed" &&
        reserve "$((2 * (${#text} + ${#keys}) + 16384))" && sync "$home/arming"/*
}

# not_armed WORDS: take back what was made ready, and say why.
not_armed() {
    rm -rf "$home/arming" || :
    free_room || :
    die "$*"
}

arm() {
    [ -r "$0" ] || die 'arm needs this program as a file: what fires later is run from it'
    guard
    { holds "$1" && [ "$left" -gt 0 ]; } || die "run $1 does not hold the lock"
    folder=$home/restores/$1
    [ ! -e "$folder" ] || die "run $1 has armed or cancelled a restore before"
    prune
    find "$home" -maxdepth 1 -name 'input.*' -mmin +10 -exec rm -f {} +
    rm -rf "$home/arming"
    # What an earlier run of this plan has armed knows the state from before the plan; what runs now may be half of it.
    inherited=
    for other in "$home"/restores/*/; do
        if [ -e "$other/armed" ] && [ "$(cat "$other/owner")" = "$holder" ]; then inherited=$other; fi
    done
    if [ -n "$inherited" ]; then
        load_restore "$inherited"
    else
        text=$(running)
        keys=$(list_key_lines)
    fi
    places=$(lines "${rooms:-$home}" | tr '\n' ' ')
    prepare "$2" 2>/dev/null ||
        not_armed "the restore could not be made ready: no room in $places, or it cannot be written; nothing was changed"
    # Put back once now, where it changes nothing: what does not work would be found when it is needed.
    [ -n "$inherited" ] || said=$(put_all_back) ||
        not_armed "the state could not be put back now, so not later either; nothing was changed: $(lines "$said" | tail -n 1)"
    mv "$home/arming" "$folder" || not_armed 'the restore could not be made ready; nothing was changed'
    read -r due <"$folder/due"
    setsid sh "$0" fire "$1" "for=$home" "$holder" "$due" "$(seconds_up)" </dev/null >/dev/null 2>&1 9<&- &
    tries=0
    until alive "$folder"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then
            settle "$folder" cancelled || :
            not_armed 'the restore job did not start; nothing was changed'
        fi
        sleep 0.1
    done
    # Killed before this, both are armed, and both put the same text back.
    supersede "$1"
    echo armed
}

# load_restore FOLDER: what is to be put back: the running configuration into text, the keys into keys.
load_restore() { keys='' && text=$(cat "$1/text") && { [ ! -e "$1/keys" ] || keys=$(cat "$1/keys"); }; }

# put_all_back: make the device what text and keys say. Keys that nobody has changed are not written.
put_all_back() (
    lines "$text" | put_back 2>&1 || exit 1
    [ -z "$keys" ] || [ "$keys" = "$(list_key_lines)" ] || write_keys "$keys" 2>&1
)

# begin FOLDER OWNER: from armed to firing, under the guard. A later run of the plan that has the lock has seen what is now
# put away; it has to look again. Where neither can be written it begins all the same.
begin() {
    mv "$1/armed" "$1/firing" 2>/dev/null || :
    if held && [ "$holder" = "$2" ]; then rm -f "$home/lock" 2>/dev/null || :; fi
}

# fire RUN [for=HOME OWNER DUE ARMED]: the job. What it needs it has in memory before `arm` says that it is armed; the words
# behind RUN are read by `lost_jobs`.
fire() {
    folder=$home/restores/$1
    load_restore "$folder"
    read -r mine <"$folder/owner"
    read -r due <"$folder/due"
    exec 9<"$home/guard"
    printf '%s %s %s\n' "$$" "$(started "$$")" "$(boot_id)" >"$folder/job.new"
    mv "$folder/job.new" "$folder/job"
    while :; do
        guard_again
        # No word that it ended is no word: the folder may be gone.
        ! ended "$folder" || exit 0
        if { read -r later <"$folder/due"; } 2>/dev/null; then due=$later; fi
        rest=$((due - $(seconds_up)))
        [ "$rest" -gt 0 ] || break
        release
        sleep "$rest"
    done
    begin "$folder" "$mine"
    release
    restore "$folder" 0
}

# restore FOLDER TRIES: put $text back and record how it ended, if that can be written; the device may be restarting just
# now, so every 2 s for two minutes. Then it has failed, which stops everybody else; the job (TRIES 0) goes on with every
# 30 s. Under the guard and while it has not ended: of two that make up for a lost job the second must not come later.
restore() {
    free_room || :
    tries=0
    while :; do
        guard_again
        ! ended "$1" || break
        if said=$(put_all_back); then
            settle "$1" restored || :
            break
        fi
        tries=$((tries + 1))
        { lines "$said" | tail -n 5 | cut -c 1-300 >"$1/log"; } 2>/dev/null || :
        [ "$tries" -ne 60 ] || settle "$1" failed || :
        release
        [ "$tries" -ne "$2" ] || return 0
        if [ "$tries" -lt 60 ]; then sleep 2; else sleep 30; fi
    done
    release
}

# --- the keys that may change it -------------------------------------------------------------------------------------

# list_key_lines: the file of the keys, whole; nothing where they are not rotated from the controller.
list_key_lines() { [ -z "${TSUNAGU_KEYS:-}" ] || cat "$TSUNAGU_KEYS"; }

# keys: TYPE and KEY of each key that may change this device.
keys() {
    [ -n "${TSUNAGU_KEYS:-}" ] || die 'what may change this device is set here, not from the controller; nothing was changed'
    list_key_lines | sed -n 's/^restrict,command="[^"]* forced change" \([^ ]* [^ ]*\).*$/\1/p'
}

# change_keys add|remove: let the one key of $input change this device, or let it in no more.
change_keys() (
    [ -n "${TSUNAGU_KEYS:-}" ] || die 'what may change this device is set here, not from the controller; nothing was changed'
    only '(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,1400}={0,2}'
    [ "$(wc -l <"$input")" -eq 1 ] || die 'a command changes one line, and its input is that line; nothing was changed'
    read -r key <"$input"
    file=$TSUNAGU_KEYS
    now=$(list_key_lines) || die "$file cannot be read; nothing was changed"
    there=$(lines "$now" | awk -v key=" $key " 'index($0 " ", key)')
    case "$1:$there" in
    add:) wanted=$(lines "$now" && printf 'restrict,command="%s forced change" %s\n' "$0" "$key") ;;
    add:*' forced change" '*) return 0 ;;
    add:*) die 'that line may read this device, and no more; nothing was changed' ;;
    remove:) return 0 ;;
    remove:*)
        wanted=$(lines "$now" | awk -v key=" $key " '!index($0 " ", key)')
        case $wanted in *' forced change" '*) ;; *) die 'it is the only line that may change this device; nothing was changed' ;; esac
        ;;
    esac
    write_keys "$wanted"
)

# write_keys TEXT: whole or not at all.
write_keys() {
    {
        lines "$1" >"$TSUNAGU_KEYS.new" && chmod 600 "$TSUNAGU_KEYS.new" && sync "$TSUNAGU_KEYS.new" &&
            mv "$TSUNAGU_KEYS.new" "$TSUNAGU_KEYS" && sync "${TSUNAGU_KEYS%/*}"
    } 2>/dev/null || {
        rm -f "$TSUNAGU_KEYS.new" 2>/dev/null || :
        file=$TSUNAGU_KEYS
        die "$file could not be written: its disk is full or read-only; its lines are those from before"
    }
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
    case $* in
    'own-key add' | 'own-key remove') change_keys "$2" || rc=$? ;;
    *) pushed "$@" <"$input" || rc=$? ;;
    esac
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
        [ -d "$folder" ] || { mkdir "$folder" && printf '' >"$folder/cancelled"; }
        if [ -e "$folder/cancelled" ] || withdraw "$folder" cancelled; then
            supersede "$1"
            free_room || :
        fi
    fi
    if [ -e "$folder/cancelled" ]; then echo cancelled; else echo late; fi
}

# armed: is any restore armed, or firing? Under the guard, so a change that is being made has ended.
armed() {
    [ ! -e "$home/guard" ] || guard
    for folder in "$home"/restores/*/; do
        if [ -e "$folder/armed" ] || [ -e "$folder/firing" ]; then
            echo yes
            return 0
        fi
    done
    if [ -z "$(lost_jobs)" ]; then echo no; else echo yes; fi
}

restored() {
    for one in restored superseded failed; do
        if [ -e "$home/restores/$1/$one" ]; then
            [ "$one" != restored ] || one=yes
            echo "$one"
            return 0
        fi
    done
    echo no
}

# unconfirmed: a line for each change that was armed and neither confirmed nor put back: STATE, whether its job `lives` or
# is `gone`, OWNER, RUN, seconds since it was armed, seconds until it fires (negative: it should have). Needs no disk.
unconfirmed() {
    shown=$(
        for folder in "$home"/restores/*/; do
            find_state "$folder" || continue
            if alive "$folder"; then job=lives; else job=gone; fi
            echo "$state $job $owner $run $(armed_for "$folder") $((due - $(seconds_up)))"
        done
        lost_jobs | while IFS= read -r line; do
            read_lost "$line"
            echo "lost lives $owner $run $ago $left"
        done
    )
    echo "${shown:-no}"
}

# repair RUN back|keep: what an operator decides of a restore that failed, or that nobody brings to its end: put the old
# state back now, or keep what runs. What may still be confirmed is not touched.
repair() {
    guard
    folder=$home/restores/$1
    if ! find_state "$folder"; then
        repair_lost "$1" "$2"
        return 0
    fi
    left=$((due - $(seconds_up)))
    if [ "$state" = armed ] && alive "$folder" && [ "$left" -gt 0 ]; then
        die "run $1 may still confirm its change, for $left s; wait"
    fi
    outcome=kept
    if [ "$2" = back ]; then
        outcome=restored
        load_restore "$folder" || die "the old state cannot be read from $folder"
        free_room || :
        said=$(put_all_back) ||
            die "the old state could not be put back: $(lines "$said" | tail -n 1 | cut -c 1-300)"
    fi
    # The job looks for this before it tries again.
    settle "$folder" "$outcome" ||
        die "$outcome, but that could not be written: make $home writable, then do this again"
    if held && [ "$holder" = "$owner" ]; then rm -f "$home/lock"; fi
    free_room || :
    echo "$outcome"
}

# repair_lost RUN back|keep: of a job whose folder is gone; only it has the old state, and puts it back by itself.
repair_lost() {
    found=$(lost_jobs | grep " $1 ") || die "run $1 has nothing that is unconfirmed"
    [ "$2" = keep ] || die 'only the job of this restore has the old state; it puts it back by itself, every 30 s'
    lines "$found" | while read -r process _; do
        # Found a moment ago: by now the job may have ended, and its number be another's.
        if grep -qszxF -e"for=$home" "/proc/$process/cmdline"; then kill -s TERM "$process" 2>/dev/null || :; fi
    done
    echo kept
}

# --- the way in ------------------------------------------------------------------------------------------------------

most_input=4194304
longest_command=32768
longest_hold=86400
verbs='read, saved, keys, armed, restored, unconfirmed, lock, unlock, arm, push, cancel, save, repair'

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
usage() { die 'usage: read | saved | keys | save [RUN] | load | armed | unconfirmed | lock OWNER RUN SECONDS | unlock OWNER RUN | arm RUN SECONDS | push RUN WORDS | cancel RUN | restored RUN | repair RUN back|keep'; }

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

# knows VERB: the system's part may show more than a configuration: by a function of its own, never by a program.
knows() { case $(command -V "$1" 2>/dev/null) in *' function'*) ;; *) return 1 ;; esac; }

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
    '') die "there is no shell and no terminal here; a command is one of $verbs" ;;
    *[!]A-Za-z0-9._=,:[\ -]*) die "a command has letters, digits, spaces and a few signs only" ;;
    esac
    verb=${line%% *}
    case $verb in
    read | saved | keys | armed | restored | unconfirmed) ;;
    learnt) knows learnt || die "'$verb' is no command; one of $verbs" ;;
    lock | unlock | arm | push | cancel | save | repair) [ "$may" = change ] || die "this access can only read; '$verb' needs the one that changes" ;;
    *) die "'$verb' is no command; one of $verbs" ;;
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

# What only reads needs no folder.
case ${1:-} in read | saved | keys | armed | unconfirmed | restored | load | learnt) ;; *)
    mkdir -p "$home/restores" || die "$home cannot be made: is its disk there, and can it be written?"
    ;;
esac
case "$#:${1:-}" in
1:read) running ;;
1:learnt) knows learnt || usage; learnt ;;
1:saved | 1:keys | 1:save | 1:load | 1:armed | 1:unconfirmed) "$1" ;;
2:save | 2:cancel | 2:restored | [26]:fire) word "$2"; "$@" ;;
3:arm) word "$2"; number "$3"; "$@" ;;
3:unlock) word "$2"; word "$3"; "$@" ;;
3:repair) word "$2"; case $3 in back | keep) "$@" ;; *) usage ;; esac ;;
4:lock) word "$2"; word "$3"; number "$4"; "$@" ;;
[3-9]:push | [1-9][0-9]:push | [1-9][0-9][0-9]:push | [1-9][0-9][0-9][0-9]:push) word "$2"; "$@" ;;
*) usage ;;
esac
