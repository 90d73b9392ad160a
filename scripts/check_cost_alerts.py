#!/usr/bin/env python3
"""Send one e-mail with the students over the cost threshold; for cron at 09:00.

The same as `scripts/local intelligence cost-alerts`; further arguments are passed on (`--help` explains them).
"""

import os
import sys
from pathlib import Path

local = Path(__file__).resolve().parent / "local"
os.execv(local, [str(local), "intelligence", "cost-alerts", *sys.argv[1:]])  # noqa: S606  # our own script, no shell
