#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command that made models/scadc_guided_sim; the result is out/scadc_guided.
#
# It was run at revision 1c01ded with changes that were committed later, up to 4e797aa. Four input channels were added to
# samples already written (as float16), so that a second run gives similar weights, not the same.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

geo-perception train scadc --validation-frames 6 --widths 16 24 32 48 --steps 1200 --crop 192 448 --validate-every 300
