# SPDX-License-Identifier: Apache-2.0
# What the scripts of the indoor models share. Sourced, not run.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PWD/.venv/bin:$PATH"

simulate() { # NAME OPTION...: a set of simulated rooms in out/NAME; goes on with one that is there
  geo-perception simulate-rooms "out/$1" --no-trajectories --size 256 192 "${@:2}"
}

train() { # NAME OPTION...: trains by the preset rooms, checkpoints in out/train-NAME, model in out/NAME
  geo-perception train distdepth rooms --out "out/$1" --run-folder "out/train-$1" "${@:2}"
}

train_until() { # STEP NAME OPTION...: the same, ended once the model of that step is written
  local step=$1 name=$2 pid
  geo-perception train distdepth rooms --out "out/$name" --run-folder "out/train-$name" "${@:3}" &
  pid=$!
  until grep -qsx "  step: $step" "out/$name/model.yaml"; do
    kill -0 "$pid" 2> /dev/null || break
    sleep 1
  done
  kill -TERM "$pid" 2> /dev/null || true
  wait "$pid" || true
  grep -qsx "  step: $step" "out/$name/model.yaml" || { echo "$0: $name ended before step $step" >&2; exit 1; }
}

sets() { # NAME...: these sets as values of --data
  printf 'simsin:out/%s:stereo.txt\n' "$@"
}

# The sets of the first stages, and stages 1 to 4, of both networks with EfficientNet-Lite0.

simulate_first_sets() {
  local low=(--camera-height 0.3 0.95 --pitch -15 35)
  simulate rooms --environments 480 --first-seed 0 --frames 16 --fov 58 95
  simulate rooms-low --environments 200 --first-seed 1000 --frames 16 --fov 50 95 "${low[@]}"
  simulate rooms-new --environments 360 --first-seed 3000 --frames 12 --fov 58 95
  simulate rooms-new-low --environments 160 --first-seed 4000 --frames 12 --fov 50 95 "${low[@]}"
  simulate rooms-narrow --environments 200 --first-seed 5000 --frames 12 --fov 45 68
  simulate rooms-narrow-low --environments 120 --first-seed 6000 --frames 12 --fov 45 68 "${low[@]}"
}

train_first_stages() {
  local bfloat16=(--pretrained '' --precision bf16-mixed) two all
  mapfile -t two < <(sets rooms rooms-low)
  mapfile -t all < <(sets rooms-narrow rooms-narrow-low rooms rooms-low rooms-new rooms-new-low)
  train_until 5000 stage1 --data "$(sets rooms)" --loader.size 192 256 --keep 1.0 --steps 6500
  train stage2 --data "${two[@]}" --loader.size 128 160 --keep 1.5 --loader.shrink 1.0 --average 0 \
    --objective.inverse 1.0 --init out/stage1 "${bfloat16[@]}" --steps 5000
  train stage3 --data "${two[@]}" --loader.size 128 160 --keep 1.5 --loader.shrink 0.7 --init out/stage2 \
    "${bfloat16[@]}" --steps 5500 --lr 0.0002 --loader.seed 1
  train stage4 --data "${all[@]}" --init out/stage3 "${bfloat16[@]}" --steps 9000 --lr 0.0002 --loader.seed 7
}

simulate_second_sets() {
  local low=(--camera-height 0.3 0.95 --pitch -15 35)
  simulate n-std --environments 300 --first-seed 10000 --frames 12 --fov 58 95
  simulate n-narrow --environments 120 --first-seed 12000 --frames 12 --fov 45 68
  simulate n-low --environments 80 --first-seed 13000 --frames 12 --fov 50 95 "${low[@]}"
  simulate n-nlow --environments 60 --first-seed 14000 --frames 12 --fov 45 68 "${low[@]}"
  simulate n-std2 --environments 160 --first-seed 15000 --frames 12 --fov 58 95
}
