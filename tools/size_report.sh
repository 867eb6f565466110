#!/usr/bin/env bash
# Size of the core, and proof of what it needs: size_report.sh [BUILD_FOLDER] (default build/release).
# Prints the stripped size of the core (all rooms as one shared library) and of etbridge, what each room brings,
# and fails if the program needs a library of the runtime other than libexecutorch and its thread pool.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
program=$build/bin/etbridge
if [[ ! -x $program ]]; then
  echo "size: no $program; run 'make build' first" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mapfile -t rooms < <(ls "$build"/src/*/libetb_*.a | grep -v '_fake\.a$')

# Whole archives: also what etbridge happens not to call. What other libraries define stays undefined.
"${CXX:-c++}" -shared -o "$scratch/core.so" -Wl,--whole-archive "${rooms[@]}" -Wl,--no-whole-archive
strip -s "$scratch/core.so"
strip -s -o "$scratch/etbridge" "$program"
printf 'core, stripped:     %8d bytes\n' "$(stat -c %s "$scratch/core.so")"
printf 'etbridge, stripped: %8d bytes\n' "$(stat -c %s "$scratch/etbridge")"
printf 'rooms before linking (code and data, bytes):\n'
for room in "${rooms[@]}"; do
  size -t "$room" | awk -v room="$(basename "$room" .a)" 'END { printf "  %-12s %8d\n", substr(room, 8), $1 + $2 }'
done

needed=$(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
printf 'needs:\n'
sed 's/^/  /' <<< "$needed"
if extra=$(grep '^libexecutorch' <<< "$needed" | grep -vxE 'libexecutorch(_threadpool)?\.so'); then
  echo "size: FAILED: the core needs more of the runtime than libexecutorch and its thread pool: $extra" >&2
  exit 1
fi
