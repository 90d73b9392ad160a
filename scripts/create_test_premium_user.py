#!/usr/bin/env python3
"""Make the demo accounts, among them premium@test.com with two quiz attempts.

The same as `scripts/local core seed-demo`; further arguments are passed on (`--help` explains them).
"""

import os
import sys
from pathlib import Path

local = Path(__file__).resolve().parent / "local"
os.execv(local, [str(local), "core", "seed-demo", *sys.argv[1:]])  # noqa: S606  # our own script, no shell
