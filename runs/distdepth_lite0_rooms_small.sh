#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands that made models/distdepth_lite0_rooms_small, in order; the result is out/small.
#
# What a second run can and cannot repeat:
# - The stages were trained at these revisions, the first four with earlier forms of the preset `rooms`:
#   49b5f17 (stage1), eac9f7c (stage2), 2fab6b1 (stage3), 3bc0dcf (stage4), f4935bf and later (the others). Later
#   revisions also draw the rooms otherwise. With today's revision the commands give other weights.
# - stage1, stage5b and the last one were stopped, after 5000, 1000 and 3000 steps.
# - The name of the last folder (--out) and folders of checkpoints (--run-folder) were not recorded. They do not change
#   the result.
set -euo pipefail
source "$(dirname "$0")/common.sh"

simulate_first_sets
train_first_stages
simulate_second_sets

steady=(--lr 0.0001 --freeze-norms --pretrained '' --precision bf16-mixed)
blurred=(--objective.inverse 1.0 --loader.photographic.blur-px 1.3 --loader.photographic.chance 0.9)
mapfile -t second < <(sets n-narrow n-nlow n-std n-low n-std2)

train_until 1000 stage5b --data "${second[@]}" --keep 1.2 "${steady[@]}" --steps 9500 --loader.seed 22 \
  --loader.zoom 1.7 "${blurred[@]}" --init out/stage4
train_until 3000 small --data "${second[@]}" --keep 2.0 "${steady[@]}" --steps 6800 --loader.size 96 128 \
  --loader.seed 41 --loader.zoom 1.5 --loader.shrink 1.0 "${blurred[@]}" --init out/stage5b
