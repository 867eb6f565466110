#!/usr/bin/env bash
# Fails if clang-format would change a C++ file of the tree: check_format.sh [CLANG_FORMAT].
# Exits 77 (a skipped test) with another clang-format than 14: versions differ in what they write.
set -euo pipefail
cd "$(dirname "$0")/.."
clang_format=${1:-clang-format}
if ! "$clang_format" --version | grep -q 'version 14\.'; then
  echo "format: needs clang-format 14, this is $("$clang_format" --version)"
  exit 77
fi
mapfile -t files < <(find src apps include tests bench fuzz \( -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) 2> /dev/null | sort)
"$clang_format" --dry-run -Werror "${files[@]}"
echo "format: ${#files[@]} files"
