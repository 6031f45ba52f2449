#!/usr/bin/env bash
# installed_kit_test.sh BUILD SOURCE COMPILER: installs BUILD into a new folder, builds the consumer
# in SOURCE against that alone, and runs it.
set -euo pipefail
build=$1 source=$2 compiler=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/installed" >"$folder/log"
cmake -S "$source" -B "$folder/build" -G Ninja -DCMAKE_PREFIX_PATH="$folder/installed" \
  -DCMAKE_CXX_COMPILER="$compiler" >>"$folder/log" || { cat "$folder/log"; exit 1; }
cmake --build "$folder/build" >>"$folder/log" || { cat "$folder/log"; exit 1; }
"$folder/build/consumer" | tee "$folder/said"
grep -qE '^[0-9]+ scenarios: [0-9]{3} passed, 0 failed, 1 skipped$' "$folder/said"
grep -q '^refused$' "$folder/said"
