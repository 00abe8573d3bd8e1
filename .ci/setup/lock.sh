#!/usr/bin/env bash
# Writes the lock files: packages, versions, hashes and markers, and no address of any index.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

compile() {
    .venv/bin/uv pip compile --quiet --universal --generate-hashes \
        --no-emit-index-url --no-header --no-annotate pyproject.toml "$@"
}

bash .ci/setup/step.sh 'requirements.lock' bash -c "$(declare -f compile); compile \"\$@\"" - \
    --output-file requirements.lock "$@"
# What runs in production is also what is tested: the same versions in both.
bash .ci/setup/step.sh 'requirements-dev.lock' bash -c "$(declare -f compile); compile \"\$@\"" - \
    --group dev --constraint requirements.lock --output-file requirements-dev.lock "$@"

if grep -nE '://|^-' requirements.lock requirements-dev.lock; then
    echo 'A lock file names an address or an option (above). Take out what brings it in, and run this again.' >&2
    exit 1
fi
