#!/usr/bin/env bash
# Restores the newest backup of a database into an instance of its own, lets the application's own job look at it, and
# deletes the instance again. It is the argument of a Cloud Run job (restore_test.py beside it), with Google's
# command-line tool. Exit code 0: restored, looked at and deleted. Its last line is a JSON object.
#
# Sources (Google Cloud documentation, by page name): "Restore an instance" (`sql backups restore` onto another
# instance), "gcloud sql instances create", "Execute jobs" (overrides for one execution, `--wait`).
set -euo pipefail

: "${PROJECT:?}" "${LOCATION:?}" "${SOURCE:?}" "${COPIES:?}" "${NETWORK:?}" "${KEY:?}" "${CHECK:?}" "${CHECK_LOCATION:?}"
: "${VERSION:?}" "${EDITION:?}" "${TIER:?}" "${DISK_GIGABYTES:?}" "${MOST_HOURS:?}"

began=$(date +%s)
copy="$COPIES$(date -u +%m%d%H%M%S)"
sql() { gcloud sql "$@" --project="$PROJECT" --quiet; }
fail() {
    printf '{"restore_test": "failed", "source": "%s", "reason": "%s"}\n' "$SOURCE" "$1"
    exit 1
}
delete() { sql instances delete "$1" >&2; }
list() { sql instances list --filter="$1" --format="value(name)"; }

# An earlier test that was killed may have left its copy.
earlier=$(list "name:$COPIES*") || fail "nobody knows whether an earlier test left a copy: the instances cannot be listed"
for left in $earlier; do
    case $left in
    "$COPIES"[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9])
        delete "$left" || fail "the copy $left of an earlier test cannot be deleted"
        ;;
    "$COPIES"*) ;; # of another application, whose name begins as this one's does: its own test deletes it
    *) fail "the filter of instances found $left, which is no copy" ;;
    esac
done

read -r backup ended < <(
    sql backups list --instance="$SOURCE" --filter="status=SUCCESSFUL" --sort-by="~endTime" --limit=1 \
        --format="value(id,endTime)"
) || fail "there is no successful backup"
hours=$(((began - $(date -d "$ended" +%s)) / 3600))
[ "$hours" -le "$MOST_HOURS" ] || fail "the newest backup is $hours hours old, at most $MOST_HOURS are right"

clean_up() {
    code=$?
    trap - EXIT
    # A creation that was refused has made nothing; one that was cut off may have.
    there=$(list "name=$copy") || fail "nobody knows whether the copy $copy is gone: delete it by hand, it holds everybody's data"
    if [ -n "$there" ]; then
        delete "$copy" || fail "the copy $copy cannot be deleted: delete it by hand, it holds everybody's data"
    fi
    [ "$code" -ne 0 ] || printf '{"restore_test": "passed", "source": "%s", "backup": "%s", "backup_ended": "%s", "restored_seconds": %d, "seconds": %d}\n' \
        "$SOURCE" "$backup" "$ended" "$restored" "$(($(date +%s) - began))"
    exit "$code"
}
trap clean_up EXIT
# Cloud Run gives a task that it ends ten seconds, in which no instance is deleted: the next test does that.
sql instances create "$copy" --database-version="$VERSION" --edition="$EDITION" --tier="$TIER" --region="$LOCATION" \
    --storage-size="${DISK_GIGABYTES}GB" --storage-type=SSD --network="$NETWORK" --no-assign-ip \
    --ssl-mode=ENCRYPTED_ONLY --disk-encryption-key="$KEY" --database-flags=cloudsql.iam_authentication=on \
    --no-backup --no-deletion-protection >&2 || fail "the copy cannot be made"
sql backups restore "$backup" --restore-instance="$copy" --backup-instance="$SOURCE" >&2 || fail "backup $backup cannot be restored"
restored=$(($(date +%s) - began))
gcloud run jobs execute "$CHECK" --project="$PROJECT" --region="$CHECK_LOCATION" --wait --quiet \
    --update-env-vars="DATABASE_INSTANCE=$PROJECT:$LOCATION:$copy,RESTORE_TEST=$backup" >&2 ||
    fail "the job $CHECK found something wrong in what was restored"
