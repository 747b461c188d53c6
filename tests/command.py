"""The command line as a user runs it."""

from __future__ import annotations

import atexit
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

STEERHOUSE = Path(sys.executable).parent / "steerhouse"
ROOT = Path(__file__).parents[1]


def steerhouse(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, forked from one that has the imports behind it."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        out.touch()
        err.touch()
        request = {"args": args, "cwd": str(cwd), "env": dict(os.environ)}
        request |= {"out": str(out), "err": str(err)}
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(list(args), code, out.read_text(), err.read_text())


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Start `tests.warm`, which ends with this process."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    atexit.register(server.communicate)  # closes its input, and waits
    return server


def console_script(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the console script itself, a new interpreter."""
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
    done = console_script(*args, cwd=cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
