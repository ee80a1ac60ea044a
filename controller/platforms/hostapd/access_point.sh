#!/bin/sh
# What an access point with hostapd does for Tsunagu by itself: show its files, hold the lock, put a state back.
#
#   read | saved | save [RUN] | load | lock OWNER RUN SECONDS | unlock OWNER RUN
#   arm RUN SECONDS | push RUN replace networks | cancel RUN | armed | restored RUN
#   unconfirmed | repair RUN back|keep | fire RUN (the armed job itself; nobody else calls it)
#
# The answer is one word on stdout and rc 0 (`held`, `busy OWNER SECONDS`, `cancelled`, `late`, ...); an error is rc 1
# and a sentence on stderr. This text, with `own_restore.sh` behind it, is installed on the access point; sshd's forced
# command runs it as `forced read` or `forced change`, and hostapd's service as `load` before hostapd itself starts.
#
# Environment: TSUNAGU_ACCESS_POINT (the folder for what must outlive a session), TSUNAGU_HOSTAPD (the folder of
# hostapd.conf), TSUNAGU_HOSTAPD_PID (the file with hostapd's process id).
#
# hostapd boots with the files that it runs with. So what a power cut in the middle of a change leaves is put right by
# `load`, before hostapd reads it; a change is pushed only where `load` has run since the machine started.
#
# hostapd is restarted, not told to read again: on SIGHUP hostapd 2.10 goes on with what it had when a line is wrong, and
# says so in its log only. Where a network is added or taken away, SIGHUP takes the whole radio down, too.
#
# No secret leaves: comments are not shown, a value that can be one is a mark, and the one of the admission servers is the
# content of tsn.secret beside hostapd.conf. What is put back is what is ours: networks and files named tsn-.
#
# `set -e` does not reach into a function that stands in a condition, hence `|| return 1` in those that may.
set -eu
umask 077
LC_ALL=C
export LC_ALL
me=hostapd_access_point
home=${TSUNAGU_ACCESS_POINT:-/var/lib/tsunagu}
files=${TSUNAGU_HOSTAPD:-/etc/hostapd}
pidfile=${TSUNAGU_HOSTAPD_PID:-/run/hostapd.pid}
main=$files/hostapd.conf
# shellcheck disable=SC2034 # `own_restore.sh` reads it
rooms="$home
$files"
# What a command is given, as `own_restore.sh` keeps it.
input=

complain() { printf '%s: %s\n' "$me" "$*" >&2; }
die() {
    complain "$@"
    exit 1
}

# --- what the access point is set to ---------------------------------------------------------------------------------

# secret: the shared secret of the admission servers, into SECRET; "" when there is none.
secret() {
    SECRET=
    export SECRET
    [ -r "$files/tsn.secret" ] || return 0
    SECRET=$(cat "$files/tsn.secret") || return 1
    [ "$(printf '%s' "$SECRET" | tr -d '\n\r' | wc -c)" -eq "$(printf '%s' "$SECRET" | wc -c)" ] || {
        complain 'the file that this access point shares with the admission servers has more than one line'
        return 1
    }
}

# show_settings FILE: a line that is no setting is shown as a mark, too: it may be a secret without its name.
show_settings() {
    awk -v files="$files/" '
        /^#/ || /^$/ { next }
        /^bss=/ { ours = /^bss=tsn-/ }
        {
            at = index($0, "=")
            key = substr($0, 1, at - 1)
            value = substr($0, at + 1)
        }
        !at { print "@HIDDEN@"; next }
        ours && key == "auth_server_shared_secret" {
            print key "=" (value == ENVIRON["SECRET"] ? "@TSN-RADIUS-SECRET@" : "@TSN-OTHER-SECRET@")
            next
        }
        key ~ /pass|secret|psk|key|pin|kh$|das_client|encr|csign|cak|cred|token|pwd|opaque|private/ && key !~ harmless {
            vlan = match(value, /[|]vlanid=[0-9]+/) ? substr(value, RSTART, RLENGTH) : ""
            print key "=@HIDDEN@" vlan
            next
        }
        key == "vlan_file" && index(value, files) == 1 { value = "/etc/hostapd/" substr(value, length(files) + 1) }
        { print key "=" value }
    ' harmless='^(wpa_key_mgmt|wpa_psk_file|wpa_psk_radius|wep_default_key|wep_key_len_(broadcast|unicast)|wep_rekey_period|wpa_(group|strict|gmk|ptk)_rekey|private_key2?)$' "$1"
}

# radios: the files of the other radios, which have a hostapd of their own each.
radios() { find "$files" -maxdepth 1 -name '*.conf' ! -name hostapd.conf | sort; }

# vlan_files: the files that map VLANs to interfaces, of ours and of others, each once.
vlan_files() {
    {
        sed -n 's/^vlan_file=//p' "$files"/*.conf
        find "$files" -maxdepth 1 -name 'tsn-*.vlan'
    } | sort -u
}

show() {
    [ -r "$main" ] || {
        complain "there is no $main"
        return 1
    }
    secret || return 1
    printf '==> /etc/hostapd/hostapd.conf <==\n'
    show_settings "$main" || return 1
    radios | while IFS= read -r path; do
        printf '\n==> /etc/hostapd/%s <==\n' "${path##*/}"
        show_settings "$path"
    done
    vlan_files | while IFS= read -r path; do
        [ -f "$path" ] || continue
        name=$path
        case $path in "$files"/*) name=/etc/hostapd/${path##*/} ;; esac
        printf '\n==> %s <==\n' "$name"
        # It is named in a file that root wrote, and may be any: only what is such a line is shown.
        awk '/^#/ || /^[ \t]*$/ { next }
            /^([*]|[0-9]+)[ \t]+[^ \t]+([ \t]+[^ \t]+)?[ \t]*$/ { print; next }
            { print "@HIDDEN@" }' "$path"
    done
}

# networks: the interfaces of all networks, with the SSID of ours; from hostapd.conf, and from what hostapd says.
networks_in_file() {
    awk '
        function escaped(text, out, at, sign) {
            for (at = 1; at <= length(text); at++) {
                sign = substr(text, at, 1)
                out = out (sign == "\\" || sign == "\"" ? "\\" : "") sign
            }
            return out
        }
        /^interface=/ { name[0] = substr($0, 11) }
        /^bss=/ { name[++last] = substr($0, 5) }
        /^ssid=/ && name[last] ~ /^tsn-/ { ssid[last] = " " escaped(substr($0, 6)) }
        END { for (at = 0; at <= last; at++) print name[at] ssid[at] }
    ' "$main"
}
networks_in_service() {
    awk '
        /^bss\[[0-9]+\]=/ { name = substr($0, index($0, "=") + 1); if (name !~ /^tsn-/) print name }
        /^ssid\[[0-9]+\]=/ && name ~ /^tsn-/ { print name " " substr($0, index($0, "=") + 1) }
    '
}

# in_service: hostapd runs, and with what its files say; else it says why not.
in_service() {
    { [ -r "$pidfile" ] && read -r pid <"$pidfile" && [ -d "/proc/$pid" ]; } || {
        complain 'hostapd does not run, so what the access point is set to cannot be told'
        return 1
    }
    newer=$(find "$files" -maxdepth 1 \( -name hostapd.conf -o -name 'tsn-*.vlan' \) -newer "$pidfile") || return 1
    [ -z "$newer" ] || {
        complain "$(printf '%s' "$newer" | tr '\n' ' ') was changed after hostapd had read it, so what is in force cannot be told; restart hostapd, or take the change back"
        return 1
    }
    radio=$(sed -n 's/^interface=//p' "$main" | tail -n 1) || return 1
    control=$(awk '/^bss=/ { exit } /^ctrl_interface=/ { found = substr($0, 16) } END { print found }' "$main") || return 1
    [ -n "$control" ] || {
        complain "$main gives the radio no ctrl_interface, so hostapd cannot be asked; write one and restart hostapd"
        return 1
    }
    said=$(timeout -k 2 5 hostapd_cli -p "$control" -i "$radio" status 2>/dev/null) || said=
    state=$(printf '%s\n' "$said" | sed -n 's/^state=//p')
    # DFS: it has read all, and first has to listen for radars on its channel.
    case $state in
    ENABLED | DFS) ;;
    '')
        complain "hostapd does not answer for $radio at $control, so what the access point is set to cannot be told"
        return 1
        ;;
    *)
        complain "the radio $radio is $state, so its networks are not in service"
        return 1
        ;;
    esac
    [ "$(networks_in_file | sort)" = "$(printf '%s\n' "$said" | networks_in_service | sort)" ] || {
        complain "hostapd serves other networks than $main says; restart hostapd"
        return 1
    }
}

running() {
    in_service || return 1
    show
}

# ours: our part of a text on stdin, as the files say it. Of the servers' secret there is one, whatever the text had.
ours() {
    awk '
        { sub(/=@TSN-OTHER-SECRET@$/, "=@TSN-RADIUS-SECRET@") }
        /^==> / { part = $2; mine = 0; if (part ~ /^\/etc\/hostapd\/tsn-[0-9]+[.]vlan$/) { mine = 1; print } ; next }
        part == "/etc/hostapd/hostapd.conf" && /^bss=/ { mine = /^bss=tsn-/ }
        mine && $0 != ""
    '
}

# place: make what is ours in the files what stdin, an output of `ours`, says. The rename must not reach the disk
# before the content does.
place() {
    placed=$(cat)
    secret || return 1
    names=$(lines "$placed" | sed -n 's|^==> /etc/hostapd/\(tsn-[0-9]*[.]vlan\) <==$|\1|p') || return 1
    for name in $names; do
        lines "$placed" | awk -v at="/etc/hostapd/$name" '/^==> / { mine = $2 == at; next } mine' >"$files/$name.new" ||
            return 1
        sync "$files/$name.new" && mv "$files/$name.new" "$files/$name" || return 1
    done
    cp -p "$main" "$main.new" || return 1
    {
        awk '/^bss=/ { mine = /^bss=tsn-/ } !mine' "$main" || return 1
        lines "$placed" | awk -v files="$files/" '
            /^==> / { over = 1 }
            over { next }
            /^auth_server_shared_secret=@TSN-/ { $0 = "auth_server_shared_secret=" ENVIRON["SECRET"] }
            /^vlan_file=\/etc\/hostapd\// { $0 = "vlan_file=" files substr($0, 24) }
            { print }
        ' || return 1
    } >"$main.new" || return 1
    sync "$main.new" && mv "$main.new" "$main" || return 1
    for path in "$files"/tsn-*.vlan; do
        [ -e "$path" ] || continue
        printf '%s\n' "$names" | grep -Fqx "${path##*/}" || rm "$path" || return 1
    done
    sync "$files"
}

# restart: hostapd reads its files; it must not inherit the guard. All who are in a network of the radio have to join again.
restart() {
    tries=0
    if command -v systemctl >/dev/null 2>&1; then
        timeout -k 2 12 systemctl restart hostapd </dev/null >/dev/null 2>&1 9<&- || tries=40
    else
        timeout -k 2 12 service hostapd restart </dev/null >/dev/null 2>&1 9<&- || tries=40
    fi
    # What became of it is asked of hostapd itself; one that did not start is not waited for.
    until in_service 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -le 40 ] || break
        sleep 0.2
    done
    in_service
}

# put_back: make what is ours what stdin says, with no file but hostapd's. Where it is so already nobody has to join again.
put_back() (
    wanted=$(ours) || exit 1
    now=$(show) || exit 1
    [ "$(lines "$now" | ours)" != "$wanted" ] || ! in_service || exit 0
    lines "$wanted" | place || exit 1
    restart || exit 1
    now=$(show) || exit 1
    [ "$(lines "$now" | ours)" = "$wanted" ]
)

# formed: is the input, line by line, our networks as a plan writes them? What is left out would be hostapd's default.
formed() {
    awk '
        function wrong() { bad = 1; exit 1 }
        function close_block() {
            if (part != "main" || vlan == "") return
            asks = keys ~ /ieee8021x/
            if (keys !~ form || asks != (management == "WPA-EAP-SHA256")) wrong()
            if (asks) wanted[vlan] = 1
        }
        BEGIN {
            form = "^ ssid ap_isolate wpa_key_mgmt wpa rsn_pairwise ieee80211w( bridge| ieee8021x dynamic_vlan vlan_naming " \
                "vlan_file vlan_tagged_interface nas_identifier( auth_server_addr auth_server_port auth_server_shared_secret)+)$"
        }
        NR == 1 { if ($0 != "==> /etc/hostapd/hostapd.conf <==") wrong(); part = "main"; next }
        $0 == "" { next }
        /^==> / {
            close_block()
            vlan = $2
            if (!sub(/^\/etc\/hostapd\/tsn-/, "", vlan) || !sub(/[.]vlan$/, "", vlan) || !(vlan in wanted) || seen[vlan]++) wrong()
            part = "file"
            next
        }
        part == "file" { if ($0 != vlan " tsn-" vlan "." vlan || held[vlan]++) wrong(); next }
        /^bss=/ { close_block(); vlan = substr($0, 9); keys = ""; if (vlan in known) wrong(); known[vlan] = 1; next }
        vlan == "" { wrong() }
        {
            key = substr($0, 1, index($0, "=") - 1)
            value = substr($0, index($0, "=") + 1)
            keys = keys " " key
        }
        key == "wpa_key_mgmt" { management = value }
        key == "bridge" && substr(value, length(value) - length(vlan)) != "." vlan { wrong() }
        key == "vlan_file" && value != "/etc/hostapd/tsn-" vlan ".vlan" { wrong() }
        key == "nas_identifier" && substr(value, index(value, "/")) != "/tsn-" vlan { wrong() }
        END {
            if (bad) exit 1
            close_block()
            for (one in wanted) if (!held[one]) bad = 1
            exit bad || part == ""
        }
    '
}

# What can be pushed: all networks of ours at once, each whole.
pushed() {
    [ "$*" = 'replace networks' ] || die "'$*' is no command that can be pushed to an access point; nothing was changed"
    number='[1-9][0-9]{0,3}'
    only "==> /etc/hostapd/(hostapd[.]conf|tsn-${number}[.]vlan) <==\
|bss=tsn-$number|ssid=[!-~]([ -~]{0,30}[!-~])?|ap_isolate=[01]|wpa_key_mgmt=(OWE|WPA-EAP-SHA256)\
|wpa=2|rsn_pairwise=CCMP|ieee80211w=2|ieee8021x=1|dynamic_vlan=2|vlan_naming=1\
|bridge=br[a-z][a-z0-9_-]{0,7}[.]$number|vlan_file=/etc/hostapd/tsn-${number}[.]vlan\
|vlan_tagged_interface=[a-z][a-z0-9_-]{0,7}|nas_identifier=[a-z0-9][a-z0-9.-]{0,38}/tsn-$number\
|auth_server_addr=[0-9a-f.:]{2,45}|auth_server_port=1812|auth_server_shared_secret=@TSN-RADIUS-SECRET@\
|$number tsn-${number}[.]$number|"
    formed <"$input" || die 'a network is not whole, or not written as ours are; nothing was changed'
    [ "$(cat "$home/loaded" 2>/dev/null)" = "$(boot_id)" ] ||
        die "'$0 load' has not run since this machine started, so a power cut could leave a half change for ever; let the service of hostapd run it before hostapd starts; nothing was changed"
    secret || die 'nothing was changed'
    [ -n "$SECRET" ] || ! grep -q '^auth_server_shared_secret=' "$input" ||
        die 'the file that this access point shares with the admission servers is missing or empty; nothing was changed'
    ours <"$input" | place || die 'the files could not be written'
    restart || die 'hostapd does not serve these networks'
}

save() {
    guard
    # Without a run: the access point's own console, or whoever sets it up.
    [ "$#" -eq 0 ] || holds "$1" || die "run $1 does not hold the lock; nothing was saved"
    in_service || die 'nothing was saved'
    sync "$main" "$files"
    echo saved
}

# What hostapd would start with: while a restore is armed, `load` would put its state in force first.
saved() {
    for folder in "$home"/restores/*/; do
        if [ -e "$folder/armed" ] || [ -e "$folder/firing" ]; then
            cat "$folder/text"
            return 0
        fi
    done
    [ ! -r "$main" ] || show
}

# load: what a change has left that was cut off, before hostapd reads it. Whoever holds the guard puts it right himself
# (and may wait for hostapd to start).
load() {
    { mkdir -p "$home" && printf '' >>"$home/guard"; } 2>/dev/null || :
    if [ -e "$home/guard" ] && exec 9<"$home/guard" && flock -n 9; then
        for folder in "$home"/restores/*/; do
            if { [ ! -e "$folder/armed" ] && [ ! -e "$folder/firing" ]; } || alive "$folder"; then continue; fi
            ours <"$folder/text" | place ||
                die "the state before a change that was cut off could not be put back; hostapd must not start"
            settle "$folder" restored || complain "that a change was taken back could not be written to $folder"
        done
    fi
    boot_id 2>/dev/null >"$home/loaded" || complain "$home/loaded cannot be written, so no change can be pushed"
    echo loaded
}

