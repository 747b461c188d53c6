"""A process that imports the heavy libraries once and forks a child for every command.

Of the 6 s of a small run, 5 are imports. A child runs `steerhouse.main` in an interpreter that no other
command has touched, with descriptors, folder and exit code of its own, as the console script would.

    python -m tests.warm

reads a request a line ({"args", "cwd", "env", "out", "err"}) and answers with the child's exit code.
What the libraries read of the environment while they are imported is that of this process, and so is
the seed of Python's hashes: tests that compare runs byte by byte start the console script.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys

from steerhouse import main as command

HEAVY = (
    "torch",
    "transformers.generation",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    "accelerate",
    "datasets",
    "duckdb",
    "pandas",
    "pyarrow.compute",
    "pyarrow.parquet",
    "safetensors.torch",
    "scipy.linalg",
    "scipy.special",
    "sklearn.linear_model",
    "sympy",
)
ROOMS = ("specs", "builders", "warehouse", "runners", "analysis")


def serve() -> bool:
    """Answer requests; return True in a child, which is to run its command, False at the end."""
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            become(**request)
            return True
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)
    return False


def become(args: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """Take on the descriptors, the environment, the folder and the arguments of a command."""
    for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):  # fmt: skip
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115, as long as the process
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["steerhouse", *args]


def main() -> None:
    rooms = [importlib.import_module(name) for name in ROOMS]
    walked = (pkgutil.walk_packages(room.__path__, f"{room.__name__}.") for room in rooms)
    for name in (*HEAVY, *(module.name for modules in walked for module in modules)):
        importlib.import_module(name)
    if serve():
        command()


if __name__ == "__main__":
    main()
