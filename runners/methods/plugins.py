"""Methods of the user's own: found by name, hashed before they are run, checked in what they give.

A plugin is a function `fit(positive, negative, **parameters)`: in a file named by `--plugin`, or
under the entry point group `steerhouse.methods` of an installed package (docs/methods.md).
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np

from runners.methods.plugin_call import called
from specs.faults import Refused
from specs.identity import canonical_json, sha256
from specs.plugins import GROUP
from specs.reader import shown
from specs.suggestions import did_you_mean


@dataclass(frozen=True)
class Plugin:
    """One method of the user's own; nothing of it is run before `load`."""

    name: str
    where: str
    """Its file, or its entry point and package."""
    function: str
    """`fit`, or an entry point's `module:function`."""
    sha256: str
    """Over the file, or over every .py file of the entry point's package."""
    source: Path | EntryPoint

    def load(self) -> Checked:
        """Run the plugin's code and return its function, which refuses what is no vector.

        Raises:
            Refused: the code raises, or defines no such function.
        """
        read = _from_file if isinstance(self.source, Path) else EntryPoint.load
        found = called(f"plugin {self.where}", "cannot be loaded", read, self.source)
        if not callable(found):
            raise Refused(f"plugin {self.where}: {self.function} is no function")
        return Checked(f"plugin {self.where}", found)


@dataclass(frozen=True)
class Checked:
    """A plugin's function, whose faults become one line."""

    where: str
    function: Any

    def __call__(self, positive: np.ndarray, negative: np.ndarray, **parameters: Any) -> np.ndarray:
        """Return its raw vector, float64 [d_model].

        Raises:
            Refused: it raises, changes what it is given, or returns something else than d_model
                finite numbers.
        """
        given = [rows.view() for rows in (positive, negative)]
        for rows in given:
            rows.setflags(write=False)
        about = f"fit on activations {list(positive.shape)} failed"
        found = called(self.where, about, self.function, *given, **parameters)
        vector = called(self.where, "fit returned no numbers", np.asarray, found, np.float64)
        width = positive.shape[1]
        if vector.shape != (width,):
            raise Refused(
                f"{self.where}: fit returned shape {list(vector.shape)}; it should return "
                f"[{width}], a number for each of d_model"
            )
        if not np.isfinite(vector).all():
            raise Refused(f"{self.where}: fit returned values that are not finite")
        return np.array(vector)


@dataclass
class Plugins:
    """The plugins of one invocation: the files of `--plugin`, and what is installed."""

    files: Sequence[Path] = ()
    _found: dict[str, Plugin] = field(default_factory=dict)
    _loaded: dict[str, Checked] = field(default_factory=dict)

    def find(self, name: str) -> Plugin:
        """Return the plugin of a name; its code is read for the hash and not run.

        Raises:
            Refused: nothing bears the name, or several do; a file that cannot be read or has no
                function `fit`.
        """
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def load(self, name: str) -> Checked:
        """Return the function of a plugin, whose code is run once.

        Raises:
            Refused: as `find` and `Plugin.load`.
        """
        if name not in self._loaded:
            self._loaded[name] = self.find(name).load()
        return self._loaded[name]

    def _find(self, name: str) -> Plugin:
        installed = list(entry_points(group=GROUP))
        files = [path for path in self.files if path.stem == name]
        entries = [entry for entry in installed if entry.name == name]
        places = [*map(shown, files), *map(_described, entries)]
        if len(places) > 1:
            raise Refused(
                f"plugin {name}: named by {len(places)}: {'; '.join(places)}; keep one, or rename "
                "the file"
            )
        if files:
            return _of_file(files[0])
        if entries:
            return _of_entry(entries[0])
        known = sorted({*(path.stem for path in self.files), *(e.name for e in installed)})
        hint = did_you_mean(name, known) or ";"
        raise Refused(
            f"plugin {name}: nothing bears this name{hint} give its file by `--plugin {name}.py`, "
            f"or install a package with an entry point in the group {GROUP}; here: "
            f"{', '.join(known) or 'none'}"
        )


def _of_file(path: Path) -> Plugin:
    """Describe a plugin's file, without running it."""
    try:
        text = path.read_bytes()
        names = {
            node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)
        } | _assigned(text)
    except OSError as error:
        raise Refused(f"plugin {shown(path)}: cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        at = f":{line}" if line else ""
        what = getattr(error, "msg", error)
        raise Refused(f"plugin {shown(path)}{at}: not Python: {what}") from None
    if "fit" not in names:
        raise Refused(
            f"plugin {shown(path)}: defines no function `fit`; it takes (positive, negative), "
            "activations [items, d_model], and returns a vector [d_model]"
        )
    return Plugin(path.stem, shown(path), "fit", sha256(text), path)


def _assigned(text: bytes) -> set[str]:
    """Return the names that a file imports or assigns at its top."""
    found: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _of_entry(entry: EntryPoint) -> Plugin:
    """Describe an entry point, without importing it."""
    top = entry.module.partition(".")[0]
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        raise Refused(f"plugin {_described(entry)}: module {top} is not there; install it again")
    folders = spec.submodule_search_locations
    root = Path(next(iter(folders))) if folders else Path(spec.origin).parent
    files = sorted(root.rglob("*.py")) if folders else [Path(spec.origin)]
    parts = [[str(path.relative_to(root)), sha256(path.read_bytes())] for path in files]
    digest = sha256(canonical_json(parts))
    return Plugin(entry.name, _described(entry), entry.value, digest, entry)


def _described(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist else "unknown"
    return f"{entry.name} ({entry.value} of package {package})"


def _from_file(path: Path) -> Any:
    """Run a file and return its `fit`; its folder does not become importable."""
    spec = importlib.util.spec_from_file_location(f"steerhouse_plugin_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.fit
