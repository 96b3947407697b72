#!/usr/bin/env bash
# The whole loop on this machine: demonstrations, cloning, two interactive rounds, evaluation, report. Options: ./demo.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/scripts/venv.sh"
exec "$venv/bin/il" demo "$@"
