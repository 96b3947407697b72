#!/usr/bin/env bash
# Lint, types, rules of the house and tests. Further arguments go to pytest: ./test.sh -m slow, ./test.sh tests/il_core
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/scripts/venv.sh"
cd "$root"

failed=()
run() { # run WHAT COMMAND...: go on after a failure, so that one run shows everything there is to mend.
  echo "== $1"
  "${@:2}" || failed+=("$1")
}
run 'ruff check' ruff check .
run 'ruff format' ruff format --check .
run 'mypy' mypy
[ ${#failed[@]} -eq 0 ] || echo "FAILED so far: ${failed[*]}"

# The whole suite is shared by two processes; with arguments it is pytest as it is (-n 2 shares there, too).
[ $# -gt 0 ] || set -- -n 2 --dist worksteal
# 14 minutes for the whole session, 3 for one test (pyproject.toml): a node that hangs must not take CI with it.
status=0
python -m pytest --session-timeout=840 "$@" || status=$?
[ ${#failed[@]} -eq 0 ] || { echo "FAILED besides pytest: ${failed[*]}" >&2; exit 1; }
exit "$status"
