#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands that made models/distdepth_r18_rooms, in order; the result is out/r18-3.
#
# What a second run can and cannot repeat:
# - The stages were trained at the revisions 2fab6b1 (r18-1, with an earlier form of the preset `rooms`) and 3bc0dcf (the
#   others). Later revisions also draw the rooms otherwise. With today's revision the commands give other weights.
# - The name of the last folder (--out) and folders of checkpoints (--run-folder) were not recorded. They do not change
#   the result.
set -euo pipefail
source "$(dirname "$0")/common.sh"

simulate_first_sets

resnet=(--depth.encoder resnet18 --pretrained '' --precision bf16-mixed --keep 1.5 --loader.shrink 1.0)
mapfile -t first < <(sets rooms rooms-low)
mapfile -t all < <(sets rooms-narrow rooms-narrow-low rooms rooms-low rooms-new rooms-new-low)

train r18-1 --data "${first[@]}" "${resnet[@]}" --loader.size 128 160 --average 0 --objective.inverse 1.0 --steps 3500
train r18-2 --data "${all[@]}" "${resnet[@]}" --loader.size 64 96 --loader.batch 16 --loader.photographic.chance 0.4 \
  --loader.seed 9 --average 0 --init out/r18-1 --steps 8000 --lr 0.001
train r18-3 --data "${all[@]}" "${resnet[@]}" --loader.size 96 128 --loader.seed 11 --average 0.999 --init out/r18-2 \
  --steps 14000 --lr 0.0007
