"""From training items to steering vectors: fits, their norms, their nulls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from runners import own_system, vectors
from runners.bench import Bench
from runners.budgets import Budgets
from runners.geometry import geometry
from runners.ids import Fit, vector_id
from runners.methods import FITS
from runners.methods.vector_file import content_sha256, read_vectors
from runners.training import Training, fit_of, read_training
from runners.vectors import DEGENERATE, SteeringVector
from specs.faults import Refused
from specs.schema import FittedMethod, LabelShuffled, MeanDifference, Random, VectorFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runners.derived import Draw
    from specs.schema import Method

BASE = "base"


@dataclass
class Fitter:
    """Fits vectors for one bench; a vector saved earlier is read back, not fitted again."""

    bench: Bench
    home: Path
    provenance: dict[str, str]
    tokens_per_batch: int | Budgets
    plan_only: bool = False
    """Vectors that are not there get their id and no direction: for a dry run."""
    _training: dict[str, Training] = field(default_factory=dict)
    _made: dict[str, SteeringVector] = field(default_factory=dict)
    n_fitted: int = 0

    def made(self) -> list[SteeringVector]:
        """Return every fitted vector asked for so far, those that only give a norm included."""
        return list(self._made.values())

    def vector(self, method: Method, variant: str, norm: str | None, seed: int) -> SteeringVector:
        """Return the vector of `method` fitted under `variant`; `norm` replaces the method's own.

        Raises:
            Refused: the norm `base` where there is no base vector, a vector file that does not
                fit the model, no usable training item.
        """
        if isinstance(method, VectorFile):
            return self._from_file(method, norm)
        if isinstance(method, Random | LabelShuffled):
            raise Refused(
                f"method {method.name}: a null rides along with a fitted vector; ask for it under "
                f"`nulls: {{{method.kind}: 20}}` of the experiment"
            )
        return self._fitted(method, variant, norm)

    def norm_of(self, method: Method | FittedMethod, norm: str | None) -> str:
        """Return the norm of a vector: as asked, else the method's, else base where it exists.

        There is none where the dataset lacks variant base or the model cannot show it.
        """
        own = getattr(method, "norm", None)
        if norm or own:
            return str(norm or own)
        loaded, base = self.bench.loaded, self.bench.variants.get(BASE)
        if BASE not in self.bench.dataset.variants or base is None:
            return "raw"
        unheard = own_system.fault(loaded.tokenizer, loaded.spec, base.system is not None)
        return "raw" if unheard else BASE

    def derived(
        self, parent: SteeringVector, variant: str, draws: Sequence[Draw]
    ) -> list[SteeringVector]:
        """Return nulls and resamples of `parent`, one a draw."""
        from runners.derived import Deriver

        found = Deriver(self, parent, variant).make(draws)
        self._training.clear()
        return found

    def release(self) -> None:
        """Let go of the training activations; whoever needs them again reads them again."""
        self._training.clear()

    def training(self, variant: str) -> Training:
        """Return the training activations under a variant, the last one asked for kept at hand."""
        if variant not in self._training:
            self._training.clear()  # one variant's activations at a time: they may be gigabytes
            self._training[variant] = read_training(self.bench, variant, self.tokens_per_batch)
        return self._training[variant]

    def _fitted(self, method: FittedMethod, variant: str, norm: str | None) -> SteeringVector:
        """Fit, or read back, one method on one variant."""
        kind = str(getattr(method, "kind", ""))
        is_base = kind == "mean_difference" and variant == BASE
        wanted = self.norm_of(method, norm)
        base_id = None
        if wanted == BASE and not is_base:
            base_id = self._base().vector_id
        parameters = {"read": method.read}
        fit, _ = fit_of(self.bench, variant)
        model_id = self.bench.loaded.model_id
        identity = vector_id(model_id, kind, parameters, [fit], wanted, base_id)
        saved = self._saved(identity, method.name)
        if saved:
            return saved
        if self.plan_only:
            return self._planned(identity, kind, method.name, wanted, fit)
        raw, training = self._raw(kind, variant), self.training(variant)
        residual_norm = dict(enumerate(training.residual_norm.tolist()))
        factors = self._factors(raw, wanted, is_base, residual_norm)
        return self.keep(
            identity,
            kind,
            method.name,
            parameters,
            (fit,),
            wanted,
            raw,
            factors,
            norm_vector_id=base_id,
            residual_norm=residual_norm,
            geometry={
                layer: geometry(training.positive[:, layer], training.negative[:, layer])
                for layer in raw
            },
        )

    def _saved(self, identity: str, name: str) -> SteeringVector | None:
        """Return a vector made before, here or in an earlier run, under the name asked for now."""
        loaded = self.bench.loaded
        found = self._made.get(identity) or vectors.load(
            self.home, identity, loaded.model_id, loaded.d_model, self.provenance
        )
        if found:
            self._made[identity] = found = replace(found, name=name)
        return found

    def _planned(self, identity: str, kind: str, name: str, norm: str, fit: Fit) -> SteeringVector:
        """Return a vector that is not fitted: its id, and that it will have every layer."""
        import torch

        layers = range(self.bench.loaded.n_layers)
        return SteeringVector(
            identity,
            self.bench.loaded.model_id,
            kind,
            name,
            {},
            (fit,),
            norm,
            None,
            "fitted",
            None,
            None,
            None,
            {layer: torch.empty(0) for layer in layers},
            {},
            {},
            {},
        )

    def _raw(self, kind: str, variant: str) -> dict[int, np.ndarray]:
        """Fit a kind at every layer: layer -> float64 [d_model]."""
        training = self.training(variant)
        return {
            layer: FITS[kind](training.positive[:, layer], training.negative[:, layer])
            for layer in range(self.bench.loaded.n_layers)
        }

    def _base(self) -> SteeringVector:
        """Return the vector whose length norm `base` means."""
        if BASE not in self.bench.dataset.variants:
            raise Refused(
                f"concept {self.bench.concept.name}: norm base needs the dataset under variant "
                "base; add base to the experiment's fit_variants, or use `norm: raw`"
            )
        base = MeanDifference(kind="mean_difference", name="mean_difference")
        return self._fitted(base, BASE, BASE)

    def _factors(
        self,
        raw: dict[int, np.ndarray],
        norm: str,
        is_base: bool,
        residual_norm: Mapping[int, float],
    ) -> dict[int, float]:
        """Return what each layer's raw vector is multiplied by under a norm.

        A degenerate vector is never rescaled, nor is one to the length of a degenerate base.
        """
        if norm == "raw" or (is_base and norm == BASE):
            return dict.fromkeys(raw, 1.0)
        base = self._base() if norm == BASE else None
        factors = {}
        for layer, length in _lengths(raw).items():
            wanted = base.raw_length[layer] if base else 1.0
            hollow = length <= DEGENERATE * residual_norm.get(layer, 0.0)
            factors[layer] = 1.0 if hollow or (base and base.degenerate(layer)) else wanted / length
        return factors

    def _from_file(self, method: VectorFile, norm: str | None) -> SteeringVector:
        """Read a vector of the user's own."""
        loaded, wanted = self.bench.loaded, self.norm_of(method, norm)
        raw = read_vectors(method, loaded.n_layers, loaded.d_model)
        base_id = self._base().vector_id if wanted == BASE else None
        parameters = {"sha256": content_sha256(raw)}
        identity = vector_id(loaded.model_id, "file", parameters, [], wanted, base_id)
        saved = self._saved(identity, method.name)
        if saved:
            return saved
        factors = self._factors(raw, wanted, False, {})
        return self.keep(
            identity,
            "file",
            method.name,
            parameters,
            (),
            wanted,
            raw,
            factors,
            norm_vector_id=base_id,
        )

    def keep(
        self,
        identity: str,
        method: str,
        name: str,
        parameters: dict[str, Any],
        fits: tuple[Fit, ...],
        norm: str,
        raw: dict[int, np.ndarray],
        factors: dict[int, float],
        role: str = "fitted",
        **rest: Any,
    ) -> SteeringVector:
        """Make the vector and, where it was fitted, write its file."""
        import torch

        vector = SteeringVector(
            vector_id=identity,
            model_id=self.bench.loaded.model_id,
            method=method,
            name=name,
            parameters=parameters,
            fits=fits,
            norm=norm,
            role=role,
            directions={
                layer: torch.from_numpy((direction * factors[layer]).astype(np.float32))
                for layer, direction in raw.items()
            },
            raw_length=_lengths(raw),
            factor=factors,
            **{
                "norm_vector_id": None,
                "seed": None,
                "resample": None,
                "parent_vector_id": None,
                "residual_norm": {},
                **rest,
            },
        )
        if role == "fitted":
            vectors.save(self.home, vector, self.provenance)
            self._made[identity] = vector
            self.n_fitted += 1
        return vector


def _lengths(vectors: dict[int, np.ndarray]) -> dict[int, float]:
    """Return the Euclidean length of each layer's vector, in float64: squares overflow float32."""
    return {layer: float(np.linalg.norm(v.astype(np.float64))) for layer, v in vectors.items()}
