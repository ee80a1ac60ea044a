#!/usr/bin/env bash
# Installs what is missing: Debian packages (as root, on Debian-like machines) and the virtual environment in .venv.
# Says what it does; does nothing the second time. With --check it also installs what `make check` alone needs: Node.js
# with TypeScript, in tools/page_check.
set -euo pipefail
cd "$(dirname "$0")/.."

check=false
[ "${1:-}" != --check ] || check=true

# An earlier set-up that was killed may have left services enabled.
tools/setup_services.sh finish

packages=()
need() { command -v "$1" >/dev/null 2>&1 || packages+=("$2"); }
export PATH="$PATH:/usr/sbin:/sbin"
need ip iproute2
need nft nftables
need ovs-vsctl openvswitch-switch
need sshd openssh-server
need ssh-keygen openssh-client
need ping iputils-ping
need vtysh frr
need iperf3 iperf3
need hostapd hostapd
need snmpd snmpd
need chromium chromium
need promtool prometheus
need shellcheck shellcheck
# Its programs are on nobody's PATH.
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || packages+=(postgresql)
if $check; then
    need node nodejs
    need npm npm
fi
need prometheus-alertmanager prometheus-alertmanager
# Screenshots of the page and of reports are Japanese too.
# Not `grep -q`: with pipefail, fc-list killed by its broken pipe would count as "no font".
fc-list 2>/dev/null | grep NotoSansCJK >/dev/null || packages+=(fonts-noto-cjk fontconfig)

python=""
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    packages+=(python3 python3-venv)
    python=python3
elif ! "$python" -c 'import ensurepip' 2>/dev/null; then
    packages+=(python3-venv)
fi

if [ ${#packages[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "set-up: missing: ${packages[*]}. Install them, or run this as root on a Debian-like machine." >&2
        exit 1
    fi
    echo "set-up: installing Debian packages: ${packages[*]}"
    tools/setup_services.sh install "${packages[@]}"
fi

stamp=.venv/.tsunagu-lock project=.venv/.tsunagu-project
if ! cmp -s requirements.lock "$stamp" 2>/dev/null || [ ! -x .venv/bin/tsunagu ]; then
    echo "set-up: creating the virtual environment in .venv from requirements.lock (hashes checked)"
    rm -f "$stamp"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
    rm -f "$project"
fi
# The names of commands and platforms (entry points) stand in what this writes, not in the checkout.
if ! cmp -s pyproject.toml "$project" 2>/dev/null; then
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
    cp pyproject.toml "$project"
fi
cmp -s requirements.lock "$stamp" 2>/dev/null || cp requirements.lock "$stamp"

# The lock has hashes and no addresses, so npm's own registry settings are used.
page=tools/page_check
if $check && ! cmp -s "$page/package-lock.json" "$page/node_modules/.tsunagu-lock" 2>/dev/null; then
    echo "set-up: installing what checks the page's types in $page/node_modules (hashes checked)"
    npm ci --prefix "$page" --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
    cp "$page/package-lock.json" "$page/node_modules/.tsunagu-lock"
fi
echo "set-up: ready"
