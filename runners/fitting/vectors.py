"""Steering vectors, and their files: safetensors with a header that says what they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.campaign.ids import Fit
from runners.saes.features import Chosen
from specs.faults import Refused
from specs.identity import canonical_json
from warehouse.whole_file import whole

if TYPE_CHECKING:
    import torch

FORMAT = "steerhouse-vector-1"
HOOK = "decoder block output (residual stream)"
OPERATOR = "any; the run says which"
SCOPE = "answer, unless the run says otherwise: from the last prompt token on"
FITS_HERE = ("model.tokenizer_sha256", "model.chat_template_sha256")
"""What a file's header must agree on with the model that is here, where it says it."""
SIGN = "adding it with a positive multiplier raises the positive completion"
DEGENERATE = 1e-4
"""A raw vector shorter than this share of the residual norm has no direction to speak of."""


@dataclass(frozen=True)
class SteeringVector:
    """One direction per layer, already at its norm, with what the warehouse says of it."""

    vector_id: str
    model_id: str
    method: str
    name: str
    """Name of the method spec it was asked for by."""
    parameters: dict[str, Any]
    fits: tuple[Fit, ...]
    norm: str
    norm_vector_id: str | None
    role: str
    """`fitted`, `null` or `resample`."""
    seed: int | None
    resample: int | None
    parent_vector_id: str | None
    directions: Mapping[int, torch.Tensor]
    """layer -> float32 [d_model], on the CPU."""
    raw_length: Mapping[int, float]
    """layer -> length before the norm's factor."""
    factor: Mapping[int, float]
    """layer -> what the raw vector was multiplied by."""
    residual_norm: Mapping[int, float]
    """layer -> mean length of the activations read there; empty for files."""
    geometry: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    """layer -> columns of `vector_layer` about the training differences."""
    combination: str | None = None
    """`mean`: of the vectors of several fits."""
    features: Mapping[int, tuple[Chosen, ...]] = field(default_factory=dict)
    """layer -> the features that the raw vector is made of or aims at; else empty."""

    def degenerate(self, layer: int) -> bool:
        """Whether the raw vector is too short against the residual stream to mean a direction."""
        length = self.raw_length.get(layer, math.inf)  # only planned: nobody knows yet
        return length <= DEGENERATE * self.residual_norm.get(layer, 0.0)


def path_of(home: Path, vector_id: str) -> Path:
    """Return where the file of a vector lies."""
    return home / "vectors" / f"{vector_id}.safetensors"


def save(home: Path, vector: SteeringVector, provenance: Mapping[str, str]) -> Path:
    """Write the file of `vector` whole or not at all.

    `provenance` adds what only the caller knows: tokenizer and chat-template hash, library
    versions.
    """
    from safetensors.torch import save_file

    path = path_of(home, vector.vector_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "format": FORMAT,
        "hook": HOOK,
        "sign": SIGN,
        "operator": OPERATOR,
        "scope": SCOPE,
        "layers": ",".join(map(str, sorted(vector.directions))),
        "norm": vector.norm,
        "model_id": vector.model_id,
        "dataset_ids": ",".join(dict.fromkeys(fit.dataset_id for fit in vector.fits)),
        "vector": canonical_json(_description(vector)),
        **provenance,
    }
    tensors = {f"layer.{layer}": tensor.contiguous() for layer, tensor in vector.directions.items()}
    with whole(path) as unfinished:
        save_file(tensors, unfinished, metadata=header)
    return path


def load(
    home: Path,
    vector_id: str,
    model_id: str,
    d_model: int,
    provenance: Mapping[str, str] | None = None,
) -> SteeringVector | None:
    """Return a vector saved earlier, or None where there is none; `provenance` as for `save`.

    Raises:
        Refused: the file is damaged, or says that it belongs elsewhere.
    """
    from safetensors import SafetensorError, safe_open

    path, here = path_of(home, vector_id), provenance or {}
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            keys = list(file.keys())
            tensors = {int(key.removeprefix("layer.")): file.get_tensor(key) for key in keys}
    except (SafetensorError, ValueError) as error:
        raise Refused(
            f"{path}: not a readable vector file ({error}); delete it, and run fits it again"
        ) from None
    description = json.loads(header.get("vector", "{}"))
    differences = [
        f"{what} is {found!r}, expected {wanted!r}"
        for what, found, wanted in (
            ("format", header.get("format"), FORMAT),
            ("vector_id", description.get("vector_id"), vector_id),
            ("model_id", description.get("model_id"), model_id),
            ("width", {t.shape[-1] for t in tensors.values()}, {d_model}),
            *((key, header[key], here[key]) for key in FITS_HERE if key in header and key in here),
        )
        if found != wanted
    ]
    if differences:
        raise Refused(f"{path}: does not fit here: {'; '.join(differences)}; delete the file")
    return _restore(description, tensors)


def _description(vector: SteeringVector) -> dict[str, Any]:
    """Return everything but the tensors as JSON values."""
    plain = {
        name: getattr(vector, name)
        for name in (
            "vector_id model_id method name parameters norm norm_vector_id role seed resample "
            "parent_vector_id combination"
        ).split()
    }
    by_layer = {
        name: {str(layer): value for layer, value in getattr(vector, name).items()}
        for name in ("raw_length", "factor", "residual_norm", "geometry")
    }
    if vector.features:
        by_layer["features"] = {str(layer): some for layer, some in vector.features.items()}
    return {**plain, **by_layer, "fits": [list(fit) for fit in vector.fits]}


def _restore(description: dict[str, Any], tensors: dict[int, torch.Tensor]) -> SteeringVector:
    """Undo `_description`."""
    by_layer: dict[str, Any] = {
        name: {int(layer): value for layer, value in description.pop(name).items()}
        for name in ("raw_length", "factor", "residual_norm", "geometry")
    }
    fits = tuple(Fit(*fit) for fit in description.pop("fits"))
    by_layer["features"] = {
        int(layer): tuple(Chosen(*each) for each in some)
        for layer, some in description.pop("features", {}).items()
    }
    return SteeringVector(**description, **by_layer, fits=fits, directions=tensors)
