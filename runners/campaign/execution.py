"""Who measured, with what and when: the row of `execution`."""

from __future__ import annotations

import datetime
import json
import platform
import secrets
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "duckdb", "numpy", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of everything that touches a number."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def code_version() -> str:
    """Return our version, with the commit where this is a checkout."""
    here = Path(__file__).resolve().parent
    found = version("steerhouse")
    try:
        commit = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return found
    return f"{found}+{commit}"


def now() -> datetime.datetime:
    """Return the time, with its zone."""
    return datetime.datetime.now(datetime.UTC)


def execution_row(device: str, dtype: str) -> dict[str, Any]:
    """Return a fresh row; `finished_at` is filled in by the last staged file."""
    return {
        "execution_id": secrets.token_hex(8),
        "command": " ".join(["steerhouse", *sys.argv[1:]]),
        "code_version": code_version(),
        "versions": json.dumps(versions(), sort_keys=True),
        "device": device,
        "dtype": dtype,
        "content_sha256": None,
        "started_at": now(),
        "finished_at": None,
    }
