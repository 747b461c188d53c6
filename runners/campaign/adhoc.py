"""An experiment by name, or one made on the spot from the options of `run`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from runners.campaign.combinations import combinations
from specs.faults import Refused
from specs.identity import canonical_json, sha256
from specs.schema import Experiment, Nulls

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.settings import Settings


@dataclass(frozen=True)
class Request:
    """The options of `run` that say what is asked; unset ones are null or empty."""

    experiment: str | None
    concepts: tuple[str, ...]
    fit_concepts: tuple[str, ...]
    methods: tuple[str, ...]
    models: tuple[str, ...]
    fit_variants: tuple[str, ...]
    combinations: tuple[str, ...]
    variants: tuple[str, ...]
    layers: str | None
    multipliers: str | None
    operators: tuple[str, ...]
    scopes: tuple[str, ...]
    norms: tuple[str, ...]
    splits: tuple[str, ...]
    nulls: int | None
    resamples: int | None
    save: str | None
    limit: int | None
    unfit_items: str | None
    text_sets: tuple[str, ...] = ()

    def changes(self) -> dict[str, Any]:
        """Return the fields of an experiment that the options set."""
        found: dict[str, Any] = {
            name: _distinct(getattr(self, name))
            for name in (
                "concepts fit_concepts methods models fit_variants combinations variants "
                "operators scopes norms splits resamples limit unfit_items text_sets"
            ).split()
            if getattr(self, name) not in (None, ())
        }
        if self.layers is not None:
            found["layers"] = parse_layers(self.layers)
        if self.multipliers is not None:
            found["multipliers"] = parse_multipliers(self.multipliers)
        if self.nulls is not None:
            found["nulls"] = Nulls(random=self.nulls, label_shuffled=self.nulls)
        return found


def experiments(request: Request, catalog: Catalog, settings: Settings) -> list[Experiment]:
    """Return what is asked for: one experiment, or those that a glob or `tag:WORD` stands for.

    Raises:
        Refused: names that nothing bears and numbers that are none, all of them; and whatever
            `experiment` refuses.
    """
    if faults := _faults(request, catalog):
        raise Refused(*faults)
    if request.experiment is None:
        return [experiment(request, catalog, settings)]
    names = catalog.resolve("experiments", [request.experiment])
    return [experiment(replace(request, experiment=name), catalog, settings) for name in names]


def experiment(request: Request, catalog: Catalog, settings: Settings) -> Experiment:
    """Return the experiment that is asked for; options narrow or change a named one.

    Raises:
        Refused: neither an experiment nor concepts and models; a name that is not known.
    """
    changes = request.changes()
    changes["models"] = [_model(name, catalog) for name in request.models] or changes.get("models")
    changes = {key: value for key, value in changes.items() if value not in (None, [], ())}
    digest = sha256(canonical_json({k: _plain(v) for k, v in changes.items()}))[:8]
    if request.experiment:
        if request.save:
            raise Refused(
                f"--save {request.save}: {request.experiment} is saved already; give --concept and "
                "--model to make an experiment of your own"
            )
        named = catalog.get("experiments", request.experiment)
        # A changed experiment is another one: what the named one asks stays as it was.
        name = f"{request.experiment}-{digest}" if changes else request.experiment
        return _of(named.model_dump(exclude={"name"}) | changes, name)
    if not (request.concepts and request.models):
        raise Refused(
            "nothing to run: name an experiment (`steerhouse list experiments`), or give both "
            "--concept and --model"
        )
    found = _of(changes, request.save or f"adhoc-{digest}")
    if request.save:
        combinations(found, catalog)  # what is not known must not be saved
        _save(found, changes, settings, catalog.added("models"))
    return found


def _faults(request: Request, catalog: Catalog) -> list[str]:
    """Return what the options name that is not there, or cannot be read."""
    named = {
        "experiments": (request.experiment,) if request.experiment else (),
        "concepts": (*request.concepts, *request.fit_concepts),
        "methods": request.methods,
        "variants": (*request.fit_variants, *request.variants),
        "text_sets": request.text_sets,
        "models": tuple(name for name in request.models if _several(name)),
    }
    found = [
        catalog.unmatched(kind, pattern)
        for kind, patterns in named.items()
        for pattern in dict.fromkeys(patterns)
        if not catalog.match(kind, pattern)
    ]
    read: list[tuple[Callable[[str], object], str | None]] = [
        *((lambda name: _model(name, catalog), name) for name in request.models),
        (parse_layers, request.layers),
        (parse_multipliers, request.multipliers),
    ]
    for parse, text in read:
        try:
            _ = text is None or parse(text)
        except Refused as refused:
            found += refused.faults
    return found


def parse_layers(text: str) -> str | tuple[int, ...]:
    """Return `all`, `best`, or the layers that text such as `3,5-8` names."""
    if text in ("all", "best"):
        return text
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise Refused(f"--layers {text}: {part.strip()!r} is no layer; e.g. all, best, 3,5-8")
        if int(last or first) < int(first):
            raise Refused(f"--layers {text}: {part.strip()!r} runs backwards; put the lower first")
        found += range(int(first), int(last or first) + 1)
    return tuple(dict.fromkeys(found))


def parse_multipliers(text: str) -> tuple[float, ...]:
    """Return the numbers in text such as `-1.5,0,1.5`."""
    try:
        found = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        raise Refused(f"--multipliers {text}: not numbers; e.g. -1.5,-1,0,1,1.5") from None
    if not all(map(math.isfinite, found)):
        raise Refused(f"--multipliers {text}: numbers must be finite; e.g. -1.5,-1,0,1,1.5")
    return found


def _of(fields: dict[str, Any], name: str) -> Experiment:
    plain = {key: _plain(value) for key, value in fields.items()}
    try:
        return Experiment.model_validate({**plain, "name": name})
    except ValidationError as error:
        raise Refused(
            *(f"--{'-'.join(map(str, e['loc'][:1]))}: {e['msg']}" for e in error.errors())
        ) from None


def _distinct(value: Any) -> Any:
    """Return a repeated option's values without repeats."""
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    """Return a spec's value as JSON would hold it."""
    if isinstance(value, Nulls):
        return value.model_dump()
    return list(value) if isinstance(value, tuple) else value


def _model(name: str, catalog: Catalog) -> str:
    """Return the name under which the catalogue knows a model argument, adding it if need be."""
    from runners.models.model_argument import model_from_argument

    if _several(name) or name in catalog.names("models"):
        return name
    spec = model_from_argument(name, catalog)
    catalog.add("models", spec)
    return spec.name


def _several(name: str) -> bool:
    """Return whether a model argument is a glob or a tag of specs."""
    return name.startswith("tag:") or any(character in name for character in "*?[")


def _save(
    found: Experiment, changes: dict[str, Any], settings: Settings, unsaved_models: Sequence[str]
) -> Path:
    """Write an experiment made on the spot into the first of the user's spec folders."""
    import yaml

    if not re.fullmatch(r"[\w.-]+", found.name) or found.name.startswith("."):
        raise Refused(f"--save {found.name}: a name has letters, digits, '-', '_' and '.' only")
    if unsaved := [name for name in found.models if name in unsaved_models]:
        raise Refused(f"--save: model {unsaved[0]} has no spec; write specs/models/NAME.yaml first")
    if not settings.specs:
        raise Refused("--save needs a folder of your own specs: add --specs DIR")
    path = settings.specs[0] / "experiments" / f"{found.name}.yaml"
    if path.exists():
        raise Refused(f"{path}: exists already; choose another name for --save")
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {key: _plain(value) for key, value in changes.items()}
    path.write_text(yaml.safe_dump({"version": 1, **plain}, sort_keys=False), encoding="utf-8")
    return path
