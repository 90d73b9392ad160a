#!/usr/bin/env python3
"""Prints a fresh value for every secret that docker-compose.yml asks for and `.env` here lacks, as its lines."""

import re
import secrets
import sys
from pathlib import Path

NAMES = [
    "POSTGRES_PASSWORD",
    "OWNER_DB_PASSWORD",
    "CORE_DB_PASSWORD",
    "INTELLIGENCE_DB_PASSWORD",
    "JWT_SECRET_KEY",
    "CORE_SERVICE_TOKEN",
    "CLOUDFLARE_R2_ACCESS_KEY",
    "CLOUDFLARE_R2_SECRET_KEY",
]

file = Path(".env")
kept = re.findall(r"^(?:export )?(\w+)=\s*[^\s#]", file.read_text(), re.MULTILINE) if file.exists() else []
# Only letters, digits, - and _: the passwords also stand inside database URLs.
sys.stdout.writelines(f"{name}={secrets.token_urlsafe(32)}\n" for name in NAMES if name not in kept)
