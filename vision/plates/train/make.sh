#!/usr/bin/env bash
# Draws the plates and caches what the backbone sees in them.
# Usage: make.sh OUT NPM SHARDS, from the project's root; NPM is the folder of the
# npm packages (README.md), SHARDS how many times 2,000 plates to train on.
# Several may run at once. It goes on where it was stopped; after a kill, remove
# OUT/*.lock first.
set -euo pipefail
out=$1 npm=$2 shards=$3 here=vision/plates/train
mkdir -p "$out"
go build -o "$out/features" "./$here/features"
one() {
  [ ! -e "$out/$3.f16" ] && mkdir "$out/$3.lock" 2>/dev/null || return 0
  python3 "$here/draw.py" "$1" "$2" 2000 "$npm" "$out"
  "$out/features" "$out/$3.rgb" "$out/$3.part"
  mv "$out/$3.part" "$out/$3.f16"
  rm -r "$out/$3.rgb" "$out/$3.lock"
}
for i in 0 1; do one val $i "val-00$i"; done
for i in $(seq 0 $((shards - 1))); do one train "$i" "$(printf 'train-%03d' "$i")"; done
