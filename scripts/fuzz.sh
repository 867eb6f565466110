#!/usr/bin/env bash
# Runs every libFuzzer target of a build for some seconds: scripts/fuzz.sh BIN_FOLDER SECONDS.
# New inputs go to build/fuzz/found/, never into the committed corpus; a crash is saved there as well.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1 seconds=$2 failed=()
shopt -s nullglob
targets=("$bin"/fuzz_*)
if ((${#targets[@]} == 0)); then
  echo "fuzz: no target in $bin; build the preset 'fuzz' first" >&2
  exit 1
fi
for target in "${targets[@]}"; do
  name=$(basename "$target")
  seeds=fuzz/corpus/${name#fuzz_} found=build/fuzz/found/$name
  mkdir -p "$found"
  folders=("$found")
  if [[ -d $seeds ]]; then folders+=("$seeds"); fi
  echo "fuzz: $name for $seconds s"
  if ! "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="$found/" "${folders[@]}" > "$found.log" 2>&1; then
    failed+=("$name")
    tail -n 40 "$found.log"
  fi
  grep -E 'stat::number_of_executed_units|stat::new_units_added|stat::peak_rss_mb' "$found.log" | sed 's/^/    /' || true
done
if ((${#failed[@]} > 0)); then
  echo "fuzz: ${#failed[@]} of ${#targets[@]} targets FAILED: ${failed[*]} (inputs under build/fuzz/found/)" >&2
  exit 1
fi
echo "fuzz: ${#targets[@]} targets, no failure"
