#!/usr/bin/env bash
# Makes the virtual environment `.venv/` with exactly what requirements-dev.lock names.
# pip and not uv installs it: pip follows the machine's own pip configuration (indexes, certificates, proxies),
# which uv does not read, and takes a quarter of a minute.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=.venv
# What the environment was made from. When it is the same still, there is nothing to do.
stamp=$venv/.made-from

say() { printf '%s\n' "$*" >&2; }

runs_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

makes_environments() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3.14 python3; do
        if runs_python "$name" && makes_environments "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    return 1
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_python() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends python3 python3-venv ||
        { apt-get update && apt-get install -y --no-install-recommends python3 python3-venv; }
}

say_what_to_install() {
    say 'There is no Python 3.11 or newer here that can make virtual environments.'
    if command -v apt-get >/dev/null; then
        say 'Install it with'
        say '    sudo apt-get update && sudo apt-get install python3 python3-venv'
        say 'and run this again. (From Debian 12 and Ubuntu 24.04 on it is new enough.)'
    else
        say 'Install one, with its modules venv and ensurepip, and run this again.'
    fi
    say 'One that is elsewhere can be named: make setup PYTHON=/path/to/python3.12'
}

is_ready() {
    [ "$(cat "$stamp/folder" 2>/dev/null)" = "$PWD" ] &&
        cmp -s requirements-dev.lock "$stamp/requirements-dev.lock" &&
        cmp -s pyproject.toml "$stamp/pyproject.toml" &&
        runs_python "$venv/bin/python"
}

locked_are_installed() {
    [ "$(cat "$stamp/folder" 2>/dev/null)" = "$PWD" ] &&
        cmp -s requirements-dev.lock "$stamp/requirements-dev.lock" &&
        runs_python "$venv/bin/python"
}

make_environment() {
    # One that the person made is completed; one of ours is made anew, so that it holds no left-overs.
    if [ -e "$stamp/folder" ] || ! runs_python "$venv/bin/python"; then
        "$python" -m venv --clear "$venv"
    fi
    "$venv/bin/python" -m pip install --require-hashes -r requirements-dev.lock
    mkdir -p "$stamp"
    cp requirements-dev.lock "$stamp/"
    # Scripts in the environment name its folder: after a move it has to be made again.
    printf '%s\n' "$PWD" >"$stamp/folder"
}

install_project() {
    "$venv/bin/python" -m pip install --no-deps --no-build-isolation --editable .
    cp pyproject.toml "$stamp/"
}

step() { bash .ci/setup/step.sh "$1" bash .ci/setup/venv.sh "$2"; }

export PIP_DISABLE_PIP_VERSION_CHECK=1
case ${1:-all} in
install_python) install_python ;;
make_environment) python=$(find_python) && make_environment ;;
install_project) install_project ;;
all)
    if is_ready; then
        printf '→ virtual environment … ready\n'
        exit
    fi
    if ! locked_are_installed; then
        if ! find_python >/dev/null && may_install; then
            step "Debian's python3 and python3-venv" install_python
        fi
        if ! find_python >/dev/null; then
            say_what_to_install
            exit 1
        fi
        step "virtual environment in $venv/, about 60 locked packages" make_environment
    fi
    step 'warroom itself, editable' install_project
    ;;
esac
