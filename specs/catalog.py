"""All specs by kind and name: the user's folders first, then the shipped one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Literal, overload

from specs import references, terms
from specs.faults import Refused
from specs.reader import read, shown
from specs.schema import KINDS, Concept, Experiment, Method, Model, Spec, TextSet, Variant
from specs.settings import Settings
from specs.suggestions import did_you_mean, nearest

SHIPPED = Path(str(files("specs")))
"""The folder of specs that come with steerhouse."""

TAG = "tag:"


class Catalog:
    """The specs in `folders` (each `<folder>/<kind>/<name>.yaml`) and the shipped ones.

    Where a name occurs twice the first folder's file is taken. Files are read when asked for, once.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        for folder in folders:
            _check_layout(folder)
        # By where they lead: `--specs specs` in a checkout must not hide the shipped specs twice.
        places: dict[Path, Path] = {}
        for folder in (*folders, SHIPPED):
            places.setdefault(folder.resolve(), folder)
        self._folders = list(places.values())
        self._paths: dict[str, dict[str, list[Path]]] = {}
        self._read: dict[Path, Spec] = {}
        self._added: dict[tuple[str, str], Spec] = {}

    def add(self, kind: str, spec: Spec) -> None:
        """Make a spec known that has no file: one given on the command line."""
        self._added[kind, spec.name] = spec

    def names(self, kind: str) -> list[str]:
        """Return the names of all specs of `kind` (a key of `KINDS`), sorted."""
        return sorted({*self._files(kind), *self.added(kind)})

    def added(self, kind: str) -> list[str]:
        """Return the names of those specs of `kind` that have no file."""
        return [name for of_kind, name in self._added if of_kind == kind]

    def path(self, kind: str, name: str) -> Path:
        """Return the file of a spec; an unknown name is a Refused with the nearest known ones."""
        return self._files(kind)[self._known(kind, name)][0]

    def hidden(self, kind: str, name: str) -> list[Path]:
        """Return the files of that name that are not taken, because an earlier folder has one."""
        return self._files(kind)[self._known(kind, name)][1:]

    @overload
    def get(self, kind: Literal["concepts"], name: str) -> Concept: ...
    @overload
    def get(self, kind: Literal["variants"], name: str) -> Variant: ...
    @overload
    def get(self, kind: Literal["methods"], name: str) -> Method: ...
    @overload
    def get(self, kind: Literal["models"], name: str) -> Model: ...
    @overload
    def get(self, kind: Literal["experiments"], name: str) -> Experiment: ...
    @overload
    def get(self, kind: Literal["text_sets"], name: str) -> TextSet: ...
    @overload
    def get(self, kind: str, name: str) -> Spec: ...
    def get(self, kind: str, name: str) -> Spec:
        """Return a spec; an unknown name, or a file with faults, is a Refused."""
        return terms.resolved(self.written(kind, name), self)

    def written(self, kind: str, name: str) -> Spec:
        """Return a spec as `get` does, but names of other specs in it stay names."""
        if (kind, name) in self._added:
            return self._added[kind, name]
        return self._spec(kind, self.path(kind, name))

    def resolve(self, kind: str, patterns: Sequence[str]) -> list[str]:
        """Return the names that names, globs and `tag:WORD` stand for, each once.

        In order of first mention, sorted inside a glob or tag. What matches nothing is a Refused.
        """
        found = [(pattern, self.match(kind, pattern)) for pattern in patterns]
        faults = [self.unmatched(kind, pattern) for pattern, names in found if not names]
        if faults:
            raise Refused(*faults)
        return list(dict.fromkeys(name for _, names in found for name in names))

    def match(self, kind: str, pattern: str) -> list[str]:
        """Return the sorted names that one name, glob or `tag:WORD` stands for; none is []."""
        if pattern.startswith(TAG):
            word = pattern.removeprefix(TAG)
            return [name for name in self.names(kind) if word in self.get(kind, name).tags]
        return [name for name in self.names(kind) if fnmatchcase(name, pattern)]

    def unmatched(self, kind: str, pattern: str) -> str:
        """Return why a pattern of `kind` matches nothing, with the remedy."""
        singular, remedy = kind[:-1], f"`steerhouse list {kind}` shows all"
        if pattern.startswith(TAG):
            tags = {tag for name in self.names(kind) for tag in self.get(kind, name).tags}
            word = pattern.removeprefix(TAG)
            hint = did_you_mean(word, tags) or ";"
            known = ", ".join(sorted(tags)) or "none"
            return f"no {singular} has the tag {word!r}{hint} tags: {known}"
        if _several(pattern):
            return f"no {singular} matches {pattern!r}; {remedy}"
        for folder in self._folders:
            if (stray := folder / kind / f"{pattern}.yml").exists():
                return f"unknown {singular} {pattern!r}; rename {shown(stray)} to {pattern}.yaml"
        hint = did_you_mean(pattern, self.names(kind)) or ";"
        return f"unknown {singular} {pattern!r}{hint} {remedy}"

    def kinds(self, pattern: str) -> list[str]:
        """Return the kinds in which a name, glob or `tag:WORD` stands for some spec."""
        return [kind for kind in KINDS if self.match(kind, pattern)]

    def unheard(self, pattern: str) -> str:
        """Return why a pattern matches nothing of any kind, with the remedy."""
        by_name = {name: kind for kind in reversed(KINDS) for name in self.names(kind)}
        strays = [(f / kind / f"{pattern}.yml", kind) for f in self._folders for kind in KINDS]
        kinds = [kind for stray, kind in strays if stray.exists()]
        kinds += [by_name[name] for name in nearest(pattern, by_name)]
        if kinds and not _several(pattern):
            return self.unmatched(kinds[0], pattern)
        what = "matches" if _several(pattern) else "is named"
        return f"no spec {what} {pattern!r}; `steerhouse list` shows all"

    def faults(self) -> list[str]:
        """Return all faults of all files: their own, and names in them that nothing bears."""
        return [line for kind in KINDS for line in self._faults_of(kind)]

    def _faults_of(self, kind: str) -> Iterator[str]:
        for folder in self._folders:
            for stray in sorted(folder.glob(f"{kind}/*.yml")):
                yield f"{shown(stray)}: not read; rename it to {stray.stem}.yaml"
        for path in (path for _, paths in sorted(self._files(kind).items()) for path in paths):
            try:
                spec = self._spec(kind, path)
            except Refused as refused:
                yield from refused.faults
            else:
                yield from references.faults(spec, self)

    def _files(self, kind: str) -> dict[str, list[Path]]:
        if kind not in self._paths:
            by_name: dict[str, list[Path]] = {}
            for folder in self._folders:
                for path in folder.glob(f"{kind}/[!.]*.yaml"):
                    by_name.setdefault(path.stem, []).append(path)
            self._paths[kind] = by_name
        return self._paths[kind]

    def _known(self, kind: str, name: str) -> str:
        if name not in self._files(kind):
            raise Refused(self.unmatched(kind, name))
        return name

    def _spec(self, kind: str, path: Path) -> Spec:
        if path not in self._read:
            self._read[path] = read(path, kind)
        return self._read[path]


def open(settings: Settings) -> Catalog:
    """Return the catalog of one invocation: the folders of `--specs`, and the shipped one.

    The methods of `--plugin` and of installed packages are in it.
    """
    from specs.plugins import add_plugins

    catalog = Catalog(settings.specs)
    add_plugins(catalog, settings.plugins)
    return catalog


def _several(pattern: str) -> bool:
    """Return whether a pattern is a glob or a tag, which several names may fit."""
    return pattern.startswith(TAG) or any(character in pattern for character in "*?[")


def _check_layout(folder: Path) -> None:
    kinds = ", ".join(f"{kind}/" for kind in KINDS)
    layout = f"--specs takes a folder that holds at least one of {kinds}"
    example = f"such as {folder / 'concepts' / 'my-concept.yaml'}"
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise Refused(f"specs folder {folder} {problem}; {layout}, {example}")
    if not any((folder / kind).is_dir() for kind in KINDS):
        raise Refused(f"specs folder {folder} has none of {kinds}; {layout}, {example}")
