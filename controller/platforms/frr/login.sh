#!/bin/sh
# The login of a router of FRR, for sshd's ForceCommand: whoever logs in has vtysh, as on a router that was bought, and a
# command given to ssh is one for vtysh. Only what the controller sends to the router's own scheduler (router.sh,
# which stands for `reload in`) is run by a shell; so both share one user, one key and one session.
#
# Environment: TSUNAGU_FRR, as in router.sh. The user is in the groups frr and frrvty.
if [ -n "${TSUNAGU_FRR:-}" ]; then
    set -- vtysh --vty_socket "$TSUNAGU_FRR" --config_dir "$TSUNAGU_FRR"
else
    set -- vtysh
fi
case ${SSH_ORIGINAL_COMMAND:-} in
'') exec "$@" ;;
'sh -c '*' frr_router '*) exec sh -c "$SSH_ORIGINAL_COMMAND" ;;
*) exec "$@" -c "$SSH_ORIGINAL_COMMAND" ;;
esac
