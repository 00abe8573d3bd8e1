#!/usr/bin/env bash
# Runs a command quietly: `→ TITLE … done (3 s)`. Where it fails, all it said is shown.
# Usage: step.sh TITLE COMMAND [ARGUMENT…]
set -euo pipefail

title=$1
shift
output=$(mktemp)
trap 'rm -f "$output"' EXIT
printf '→ %s … ' "$title"
SECONDS=0
if "$@" >"$output" 2>&1 </dev/null; then
    printf 'done (%d s)\n' "$SECONDS"
else
    status=$?
    printf 'failed (%d s)\n' "$SECONDS"
    cat "$output"
    exit "$status"
fi
