# SPDX-License-Identifier: Apache-2.0
"""Limit on how long OpenMP's threads spin at a barrier before they sleep; `threads` tells why it matters.

It is a module of its own because `import geo_perception` runs it: it must take next to no time.

Variables: OMP_WAIT_POLICY and GOMP_SPINCOUNT, https://gcc.gnu.org/onlinedocs/libgomp/Environment-Variables.html
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# About 0.1 ms: longer than most regions take, and than Python takes between two of them. A turn is the processor's
# pause instruction on x86 (30 ns where this was measured, 40 to 50 on others), and next to nothing elsewhere.
SPIN_COUNT = "3000" if os.uname().machine in ("x86_64", "AMD64", "i686") else "40000"
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")  # a user who set either has chosen


def limit_spinning(environ: MutableMapping[str, str] | None = None) -> None:
    """Let OpenMP's threads sleep sooner, unless the user has set how they wait.

    Must run before the first library with OpenMP is loaded, which reads the variable then. Child processes inherit it.
    """
    variables = os.environ if environ is None else environ
    if not any(variables.get(name) for name in WAITING):
        variables["GOMP_SPINCOUNT"] = SPIN_COUNT
