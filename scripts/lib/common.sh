# shellcheck shell=bash
# What the scripts share: where the checkout is, how they speak, how they configure and build.
# Source it after `set -euo pipefail`. Messages start with the script's name.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
me=${0##*/}

say() { printf '%s: %s\n' "$me" "$*"; }
warn() { printf '%s: warning: %s\n' "$me" "$*" >&2; }

# die STATUS MESSAGE
die() {
  local status=$1
  shift
  printf '%s: %s\n' "$me" "$*" >&2
  exit "$status"
}

# Wrong use is exit code 2 everywhere. usage_error WHAT ALLOWED
usage_error() { die 2 "$1; allowed: $2 (see $me --help)"; }

# The comment at the top of the calling script is its help: from line 2 to the first other line.
print_help() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# option_value OPTION COUNT [VALUE]: prints the value, or fails if the command line ended before it.
option_value() {
  [ "$2" -ge 2 ] || die 2 "$1 needs a value (see $me --help)"
  printf '%s' "$3"
}

# configure BUILD_DIR [CMAKE ARGUMENT ...]: quiet, unless it fails.
configure() {
  local build_dir=$1 log=$1/configure.log
  shift
  mkdir -p "$build_dir"
  if ! cmake -S "$root" -B "$build_dir" -G Ninja "$@" >"$log" 2>&1; then
    cat "$log" >&2
    die 1 "cmake failed in $build_dir (log above, and in $log)"
  fi
}

# build BUILD_DIR JOBS [TARGET ...]: one moving line on a terminal, only trouble elsewhere.
build() {
  local build_dir=$1 jobs=$2 quiet=()
  shift 2
  [ -t 1 ] || quiet=(--quiet)
  ninja -C "$build_dir" -j "$jobs" "${quiet[@]}" "$@" || die 1 "the build in $build_dir failed"
}

# environment_folder NAME CHOSEN: where a virtual environment of scripts/setup lies.
environment_folder() {
  : "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
  printf '%s\n' "${2:-$HOME/.cache/ordeal/$1}"
}
