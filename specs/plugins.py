"""Methods of the user's own as specs: `--method NAME` works without a YAML file for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.method import PluginMethod
from specs.reader import NAME, shown

if TYPE_CHECKING:
    from specs.catalog import Catalog

GROUP = "steerhouse.methods"
"""Entry point group under which packages offer methods."""


def add_plugins(catalog: Catalog, files: Sequence[Path]) -> None:
    """Make a method spec known for each file of `--plugin` and each installed entry point.

    A YAML file of the name goes before: it may set parameters.

    Raises:
        Refused: a file that is no `.py` file, or whose name is that of a method of another kind.
    """
    for path in files:
        _refuse_unusable(catalog, path)
    for name in dict.fromkeys([*(path.stem for path in files), *_installed()]):
        if name not in catalog.names("methods"):
            about = "A method of your own, by its defaults."
            spec = PluginMethod(kind="plugin", plugin=name, name=name, description=about)
            catalog.add("methods", spec)


def _installed() -> Iterator[str]:
    """Yield the names of installed entry points that can be a method's."""
    for entry in entry_points(group=GROUP):
        if NAME.match(entry.name):
            yield entry.name


def _refuse_unusable(catalog: Catalog, path: Path) -> None:
    where = f"--plugin {shown(path)}"
    if path.suffix != ".py" or not NAME.match(path.stem):
        raise Refused(f"{where}: name a Python file, such as my_method.py")
    if not path.is_file():
        raise Refused(f"{where}: no such file")
    if path.stem in catalog.names("methods"):
        spec = catalog.get("methods", path.stem)
        if not (isinstance(spec, PluginMethod) and spec.plugin == path.stem):
            taken = shown(catalog.path("methods", path.stem))
            raise Refused(f"{where}: {taken} is a method of that name; rename the file")
