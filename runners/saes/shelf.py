"""The autoencoders of one run on one model: read or trained once, checked before they are used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runners.console import say
from runners.saes import check, files, training
from runners.saes.check import Fit
from specs.faults import Refused
from specs.reader import place
from specs.schema import AimedMethod, Fgaa, SaeDecoder, SaeFitted, with_terms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runners.damage.texts import TokenisedTexts
    from runners.models.load import LoadedModel
    from runners.saes.loaded import LoadedSae
    from runners.saes.output_score import OutputScorer
    from runners.saes.wrapped import SaeLensSae
    from specs.catalog import Catalog
    from specs.schema import Sae, SaeOutputScore, Spec
    from specs.settings import Settings

UNTRAINED = "untrained"
"""In the place of an id that nobody knows before training: in a plan only."""


@dataclass
class Planned:
    """A `LoadedSae` that is not trained yet: all that a plan needs of it, and no more."""

    layer: int
    d_model: int
    d_sae: int
    sae_id: str = UNTRAINED


@dataclass
class Saes:
    """Autoencoders by the name of their spec."""

    catalog: Catalog
    settings: Settings
    loaded: LoadedModel
    plan_only: bool = False
    """Nothing is trained and nothing checked: for a dry run."""
    _read: dict[str, SaeLensSae | Planned] = field(default_factory=dict)
    _fits: dict[str, dict[int, Fit]] = field(default_factory=dict)
    _checked: set[str] = field(default_factory=set)
    _scorers: dict[tuple[Any, ...], OutputScorer] = field(default_factory=dict)

    def get(self, name: str) -> LoadedSae:
        """Return the autoencoder of a spec, checked against the model.

        Raises:
            Refused: it is not there, cannot be read, was trained on something else than the raw
                output of a block of a model as wide as this one, or explains too little of it.
        """
        found = self.unchecked(name)
        if name not in self._checked and not (isinstance(found, Planned) or self.plan_only):
            spec, around = self.catalog.get("saes", name), self.fits(name)
            check.refuse_poor(spec, found, self.loaded, around)
            own = around[found.layer]
            say(
                f"SAE {name} on {self.loaded.spec.name}, layer {found.layer}: explains "
                f"{own.explained_variance:.3f} of the variance, {own.mean_active:.1f} of "
                f"{found.d_sae:,} features active a token ({own.n_tokens:,} tokens)"
            )
            self._checked.add(name)
        return _as_loaded(found)

    def unchecked(self, name: str) -> SaeLensSae | Planned:
        """Return the autoencoder of a spec, of which only width and layer fit the model.

        Raises:
            Refused: as `get`, but for what it explains.
        """
        if name not in self._read:
            spec = self.catalog.get("saes", name)
            found = self._trained(spec) if spec.source.train else self._had(spec)
            check.refuse_misfit(spec, _as_loaded(found), self.loaded)
            self._read[name] = found
        return self._read[name]

    def fits(self, name: str) -> dict[int, Fit]:
        """Return how well it fits the model at its layer and those beside it, measured once."""
        if name not in self._fits:
            texts = self.texts(self.catalog.get("saes", name).check.text_set).texts
            sae = _as_loaded(self.unchecked(name))
            self._fits[name] = check.fits(sae, self.loaded, [text.prompt for text in texts])
        return self._fits[name]

    def layer(self, name: str) -> int:
        """Return the layer of an autoencoder; one that the spec names needs no reading."""
        named = self.catalog.get("saes", name).layer
        return self.get(name).layer if named is None else named

    def scorer(self, method: SaeOutputScore) -> OutputScorer:
        """Return what scores features as a method asks; what was scored once stays known."""
        from runners.saes.output_score import OutputScorer

        key = method.sae, method.prompt, method.amplification, method.tokens
        if key not in self._scorers:
            self._scorers[key] = OutputScorer(self.loaded, self.get(method.sae), method)
        return self._scorers[key]

    def _had(self, spec: Sae) -> SaeLensSae:
        if spec.source.folder is None:
            return files.read_release(spec, self.loaded.device)
        folder = files.folder_of(spec)
        return files.read_folder(spec, folder, self.loaded.device, f"folder:{folder.name}")

    def _trained(self, spec: Sae) -> SaeLensSae | Planned:
        """Return an autoencoder that is trained here, trained now where it was not before.

        Raises:
            Refused: the run is on another model than the one it is trained on.
        """
        train, layer = spec.source.train, spec.layer
        assert train is not None
        assert layer is not None, "the spec asks for a layer where it trains"
        if self.loaded.spec.name != spec.model:
            raise Refused(
                f"{place(spec, ('model',))}: it is trained on {spec.model}, and this run is on "
                f"model {self.loaded.spec.name}; take the method out for this model, or write an "
                "SAE spec of its own"
            )
        planned = Planned(layer, self.loaded.d_model, train.d_sae)
        check.refuse_misfit(spec, _as_loaded(planned), self.loaded)
        texts, home = self.texts(train.text_set), self.settings.home
        folder = training.folder_of(spec, self.loaded, texts.read.text_set_id, home)
        if self.plan_only and not folder.is_dir():
            return planned
        folder = training.trained(spec, self.loaded, texts, home)
        return files.read_folder(spec, folder, self.loaded.device, f"trained:{folder.name}")

    def texts(self, name: str) -> TokenisedTexts:
        """Return the texts of a text set as tokens of the model."""
        from builders.text_sets import read_text_set
        from runners.damage.texts import tokenise_texts

        return tokenise_texts(self.loaded, read_text_set(self.catalog.get("text_sets", name)))

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of sae, sae_check and what these are about, of all that were checked."""
        from runners.damage.rows import text_set_rows

        found: dict[str, list[dict[str, Any]]] = {"sae": [], "sae_check": [], "name": []}
        for name in sorted(self._checked):
            sae: Any = self._read[name]
            read = self.texts(self.catalog.get("saes", name).check.text_set).read
            found["sae"].append(
                {
                    "sae_id": sae.sae_id,
                    "source": sae.source,
                    "architecture": sae.architecture,
                    "layer": sae.layer,
                    "d_model": sae.d_model,
                    "d_sae": sae.d_sae,
                }
            )
            found["sae_check"].append(
                {
                    "sae_id": sae.sae_id,
                    "model_id": self.loaded.model_id,
                    "layer": sae.layer,
                    "text_set_id": read.text_set_id,
                    **self._fits[name][sae.layer]._asdict(),
                }
            )
            found["name"].append({"kind": "sae", "id": sae.sae_id, "name": name})
            for relation, rows in text_set_rows(read).items():
                found.setdefault(relation, []).extend(rows)
        return found


def _as_loaded(found: SaeLensSae | Planned) -> LoadedSae:
    loaded: Any = found
    return loaded  # type: ignore[no-any-return]


def named_by(methods: Iterable[Spec], catalog: Catalog) -> list[str]:
    """Return the names of the SAE specs that methods take features of, each once.

    Those of the approximators that methods aim by are among them.
    """
    parts = [part for method in methods for part in with_terms(method)]
    found = [p.sae for p in parts if isinstance(p, SaeDecoder | SaeFitted)]
    for name in (p.approximator for p in parts if isinstance(p, AimedMethod | Fgaa)):
        approximator = catalog.get("approximators", name)
        found += [approximator.sae, approximator.inputs.sae]
    return list(dict.fromkeys(found))
