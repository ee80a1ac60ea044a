#!/bin/sh
# What a router of FRR does for Tsunagu by itself: show and save its configuration, hold the lock, put a state back. FRR
# has no `reload in`; this stands for it, on the router.
#
#   read | saved | save [RUN] | lock OWNER RUN SECONDS | unlock OWNER RUN
#   arm RUN SECONDS | push RUN configure terminal | cancel RUN | armed | restored RUN
#   unconfirmed | repair RUN back|keep | fire RUN (the armed job itself; nobody else calls it)
#
# The answer is one word on stdout and rc 0 (`held`, `busy OWNER SECONDS`, `cancelled`, `late`, ...); an error is rc 1
# and a sentence on stderr. This text, with `own_restore.sh` behind it, is installed on the router, and sshd's forced
# command runs it as `forced read` or `forced change`: a login has no vtysh and no shell.
#
# Environment: TSUNAGU_ROUTER (the folder for what must outlive a session), TSUNAGU_FRR (the folder of FRR's sockets and
# of frr.conf, where they are not in their usual places).
#
# What is put back is what is ours: prefix lists and route maps under TSN-, and where they are attached. What others
# changed meanwhile stays.
#
# `set -e` does not reach into a function that stands in a condition, hence `|| return 1` in those that may.
set -eu
umask 027
LC_ALL=C
export LC_ALL
me=frr_router
home=${TSUNAGU_ROUTER:-/var/lib/tsunagu}
startup=${TSUNAGU_FRR:-/etc/frr}/frr.conf
# shellcheck disable=SC2034 # `own_restore.sh` reads it
rooms="$home
${startup%/*}"

die() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 1
}

router() {
    if [ -n "${TSUNAGU_FRR:-}" ]; then
        timeout -k 2 25 vtysh --vty_socket "$TSUNAGU_FRR" --config_dir "$TSUNAGU_FRR" "$@"
    else
        timeout -k 2 25 vtysh "$@"
    fi
}

# --- what the router is set to ---------------------------------------------------------------------------------------

running() {
    # vtysh leaves out, and says nothing of, a daemon that does not answer: its part would look as if it were gone.
    for daemon in zebra bgpd; do
        router -d "$daemon" -c 'show version' >/dev/null 2>&1 || {
            printf '%s: %s does not answer, so what the router is set to cannot be told\n' "$me" "$daemon" >&2
            return 1
        }
    done
    router -c 'show running-config'
}

# The lines that are ours, each with what it stands in, from a running configuration on stdin: L (prefix list), M (a clause of a
# route map, and the lines in it), B (an attachment).
ours() {
    awk '
        /^!/ || /^$/ { next }
        /^[^ ]/ { bgp = ""; family = ""; map = "" }
        /^router bgp [0-9]+$/ { bgp = $0; next }
        /^route-map TSN-/ { map = $0; print "M|" map; next }
        /^ip prefix-list TSN-/ || /^ipv6 prefix-list TSN-/ { print "L|" $0; next }
        map != "" { line = $0; sub(/^ +/, "", line); print "M|" map "|" line; next }
        bgp != "" && /^ address-family / { family = substr($0, 2); next }
        bgp != "" && /^ exit-address-family/ { family = ""; next }
        family != "" && /^  neighbor [^ ]+ route-map TSN-[^ ]+ (in|out)$/ { print "B|" bgp "|" family "|" substr($0, 3) }
    '
}

# way_back: the configuration commands from one set of our lines to another; stdin is the one to go to, a line with `#`
# alone, and the one that there is. What is missing comes first, then
# the attachments, then what was not there goes; so a neighbour is never left without the one or the other.
way_back() {
    awk -F '|' '
        function whose(text, words) { split(text, words, " "); return words[2] " " words[4] }
        function entry(text, words) { split(text, words, " "); return words[1] " " words[3] " " words[5] }
        function place(text, words) { split(text, words, " "); return words[2] " " words[5] }
        $0 == "#" { there_now = 1; next }
        !there_now {
            old[++olds] = $0; held[$0] = 1
            if ($1 == "M") { if (NF == 2) clause[whose($2)] = $2; else inside[$2] = inside[$2] $3 "\n" }
            if ($1 == "L") listed[entry($2)] = 1
            if ($1 == "B") attached[$2 "|" $3 "|" place($4)] = 1
            next
        }
        {
            now[++nows] = $0; there[$0] = 1
            if ($1 == "M" && NF == 3) within[$2] = within[$2] $3 "\n"
        }
        END {
            for (i = 1; i <= olds; i++) {
                n = split(old[i], part, "|")
                if (part[1] == "L" && !(old[i] in there)) print part[2]
            }
            for (i = 1; i <= olds; i++) {
                n = split(old[i], part, "|")
                if (part[1] != "M" || n != 2) continue
                if ((old[i] in there) && inside[part[2]] == within[part[2]]) continue
                if (old[i] in there) print "no " part[2]
                print part[2]
                printf "%s", inside[part[2]]
                print "exit"
            }
            for (i = 1; i <= olds; i++) {
                n = split(old[i], part, "|")
                if (part[1] == "B" && !(old[i] in there)) attach(part[2], part[3], part[4])
            }
            for (i = 1; i <= nows; i++) {
                n = split(now[i], part, "|")
                if (part[1] == "B" && !((part[2] "|" part[3] "|" place(part[4])) in attached))
                    attach(part[2], part[3], "no " part[4])
            }
            for (i = 1; i <= nows; i++) {
                n = split(now[i], part, "|")
                if (part[1] == "M" && n == 2 && !(whose(part[2]) in clause)) print "no " part[2]
            }
            for (i = 1; i <= nows; i++) {
                n = split(now[i], part, "|")
                if (part[1] == "L" && !(entry(part[2]) in listed)) print "no " part[2]
            }
        }
        function attach(bgp, family, line) {
            print bgp; print family; print line; print "exit-address-family"; print "exit"
        }
    '
}

# put_back: make what is ours what stdin says, with no file at all.
put_back() (
    wanted=$(ours) || exit 1
    text=$(running) || exit 1
    now=$(lines "$text" | ours) || exit 1
    commands=$({ lines "$wanted" && echo '#' && lines "$now"; } | way_back) || exit 1
    [ -z "$commands" ] || lines "$commands" | configure >&2 || exit 1
    text=$(running) || exit 1
    [ "$(lines "$text" | ours | sort)" = "$(lines "$wanted" | sort)" ]
)

# configure: take configuration commands from stdin; vtysh ends at the first that is refused.
configure() {
    set --
    while IFS= read -r line; do
        [ -z "$line" ] || set -- "$@" -c "$line"
    done
    router -c 'configure terminal' "$@"
}

# What can be pushed: lines of prefix lists and route maps of ours, and of their attachment to a neighbour.
pushed() {
    [ "$*" = 'configure terminal' ] || die "'$*' is no command that can be pushed to a router; nothing was changed"
    ours='TSN-[A-Za-z0-9-]{1,60}'
    number='[0-9]{1,10}'
    range="(any|[0-9a-f.:]{1,39}/[0-9]{1,3})( ge $number)?( le $number)?"
    only "(no )?(ip|ipv6) prefix-list $ours( seq $number (permit|deny) $range)?\
|(no )?route-map $ours( (permit|deny) $number)?\
|match (ip|ipv6) address prefix-list $ours\
|set as-path prepend( $number)+|set local-preference $number\
|router bgp $number|address-family ipv[46] unicast|exit-address-family|exit\
|(no )?neighbor [0-9a-f.:]{1,39} route-map $ours (in|out)|"
    configure
}

save() {
    guard
    # Without a run: the router's own console, or whoever sets the router up.
    [ "$#" -eq 0 ] || holds "$1" || die "run $1 does not hold the lock; nothing was saved"
    text=$(running) || die 'nothing was saved'
    # `write memory` writes into the file itself: a power cut in the middle would leave a router with half of it. The
    # rename must not reach the disk before the content does.
    {
        lines "$text" | sed '/^Building configuration/d;/^Current configuration/d;/^$/d' >"$startup.new" &&
            chmod 640 "$startup.new" && sync "$startup.new" && mv "$startup.new" "$startup" && sync "${startup%/*}"
    } 2>/dev/null || {
        rm -f "$startup.new" 2>/dev/null || :
        die "$startup could not be written: its disk is full or read-only; it is the one from before"
    }
    echo saved
}

saved() { [ ! -r "$startup" ] || cat "$startup"; }

load() { die 'a router of FRR loads its configuration by itself when it starts'; }

