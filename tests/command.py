"""The console script as a user runs it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

STEERHOUSE = Path(sys.executable).parent / "steerhouse"


def steerhouse(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the console script as a user would."""
    return subprocess.run(
        [str(STEERHOUSE), *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
        check=False,
    )


def cpu_seconds(*args: str, cwd: Path) -> float:
    """Return the CPU time of one command, user and system, children's included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = steerhouse(*args, cwd=cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
