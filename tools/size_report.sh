#!/usr/bin/env bash
# Size of the core, and proof of what it needs: size_report.sh [BUILD_FOLDER] (default build/release).
# Prints the stripped size of etbridge and the text of each room in it, and fails if the program needs a
# library of the runtime other than libexecutorch and its thread pool.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
program=$build/bin/etbridge
if [[ ! -x $program ]]; then
  echo "size: no $program; run 'make build' first" >&2
  exit 1
fi
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -s -o "$stripped" "$program"
printf 'etbridge, stripped: %d bytes\n' "$(stat -c %s "$stripped")"
# Archive members before linking: what a room brings at most (text + data, no debug).
printf 'rooms before linking (text + data bytes):\n'
for archive in "$build"/src/*/libetb_*.a; do
  size -t "$archive" | awk -v room="$(basename "$archive" .a)" 'END { printf "  %-16s %8d\n", substr(room, 8), $1 + $2 }'
done
needed=$(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
printf 'needs:\n'
sed 's/^/  /' <<< "$needed"
if extra=$(grep '^libexecutorch' <<< "$needed" | grep -vxE 'libexecutorch(_threadpool)?\.so'); then
  echo "size: FAILED: the core needs more of the runtime than libexecutorch and its thread pool: $extra" >&2
  exit 1
fi
