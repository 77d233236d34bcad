#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command that made models/scadc_sim; the result is out/scadc_sim.
#
# It was run at revision 360c214 with changes that were committed later, up to 9302a24. Its samples were written before
# four channels were added that this network does not read. The folders were not recorded; they do not change the result.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

geo-perception train scadc --network scadc --steps 2000 --batch 2 --crop 128 320 --confidence-weight 50.0 \
  --freeze-norm 0.625 --validate-every 250 --out out/scadc_sim --run out/train-scadc_sim
