#!/usr/bin/env bash
# clang-tidy over our own sources of a configured build: scripts/tidy.sh BUILD_FOLDER JOBS [FILE...].
# Test files are left out: GoogleTest's macros set off checks that say nothing about our code.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1 jobs=$2
shift 2
if (($# > 0)); then files=("$@"); else
  mapfile -t files < <(git ls-files 'src/*.cpp' 'apps/*.cpp' 'fuzz/*.cpp' | grep -v '_test\.cpp$')
fi
printf '%s\n' "${files[@]}" | xargs -P "$jobs" -n 1 clang-tidy --quiet -p "$build"
echo "tidy: ${#files[@]} files, no finding"
