"""Autoencoders read from a folder or from the Hub by sae-lens, and what is refused of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from runners.saes.hooks import layer_of
from runners.saes.wrapped import SaeLensSae
from specs.faults import Refused
from specs.reader import place, shown

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from specs.schema import Sae

FILES = ("cfg.json", "sae_weights.safetensors")
"""What a folder in sae-lens's format holds."""
SCALED_BY_INPUT = ("constant_norm_rescale", "layer_norm")
"""Normalisations under which features are decoded by what was encoded last."""


def folder_of(spec: Sae) -> Path:
    """Return the folder of a spec that names one.

    Raises:
        Refused: it, or one of its files, is not there.
    """
    folder = spec.directory / str(spec.source.folder)
    where = place(spec, ("source", "folder"))
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise Refused(
            f"{where}: {shown(folder)} holds no {' and no '.join(missing)}; name a folder that "
            "sae-lens wrote (sae.save_model), relative to the YAML"
        )
    return folder


def read_folder(spec: Sae, folder: Path, device: torch.device, source: str) -> SaeLensSae:
    """Return the autoencoder of a folder in sae-lens's format.

    Raises:
        Refused: sae-lens cannot read it, and as `accepted` has it.
    """
    from sae_lens import SAE

    try:
        with warnings.catch_warnings(action="ignore"):
            sae = SAE.load_from_disk(str(folder), device=str(device), dtype="float32")
    except Exception as error:  # whatever stands in a file that is not what it should be
        raise Refused(
            f"{place(spec, ('source',))}: sae-lens cannot read {shown(folder)}: {_line(error)}"
        ) from None
    return accepted(spec, sae, source)


def read_release(spec: Sae, device: torch.device) -> SaeLensSae:
    """Return an autoencoder of a release, downloaded where it is not in the Hub's cache.

    Raises:
        Refused: it cannot be had, and as `accepted` has it.
    """
    from sae_lens import SAE

    release, name = str(spec.source.release), str(spec.source.id)
    try:
        with warnings.catch_warnings(action="ignore"):
            sae = SAE.from_pretrained(release, name, device=str(device))
    except Exception as error:  # no network, no such release, no right to it
        raise Refused(
            f"{place(spec, ('source',))}: {release} {name} cannot be had: {_line(error)}; run once "
            "online, or name a folder that sae-lens wrote"
        ) from None
    return accepted(spec, sae[0] if isinstance(sae, tuple) else sae, f"{release} {name}")


def accepted(spec: Sae, sae: Any, source: str) -> SaeLensSae:
    """Return what sae-lens read, with its layer.

    Raises:
        Refused: it reads something else than a block's output, does not say what, says another
            layer than the spec, was trained on a processed model, or decodes by its last input.
    """
    where, metadata = place(spec, ("source",)), sae.cfg.metadata
    # Metadata answers None for any key, so that presence has to be asked for.
    hook = metadata.hook_name if "hook_name" in metadata else None
    layer = _layer(spec, hook, where)
    if _known(metadata, "model_from_pretrained_kwargs").get("center_writing_weights"):
        raise Refused(
            f"{where}: it was trained on a model with centred writing weights, whose residual "
            "stream is another than that of the model as it is here; use an autoencoder trained "
            "without (TransformerLens's from_pretrained_no_processing)"
        )
    scaling = str(getattr(sae.cfg, "normalize_activations", "none"))
    if scaling in SCALED_BY_INPUT:
        raise Refused(
            f"{where}: normalize_activations {scaling!r} decodes by what was encoded last; only "
            "autoencoders whose decoder is one affine map are taken"
        )
    if hasattr(sae.cfg, "d_out"):
        raise Refused(f"{where}: a transcoder writes elsewhere than it reads; name an autoencoder")
    return SaeLensSae.of(sae, layer, source)


def _layer(spec: Sae, hook: str | None, where: str) -> int:
    if hook is None:
        if spec.layer is None:
            raise Refused(
                f"{where}: its cfg.json names no hook (metadata.hook_name), so that its layer is "
                "unknown; set `layer:` in the spec"
            )
        return spec.layer
    layer = layer_of(hook)
    if layer is None:
        raise Refused(
            f"{where}: it reads {hook}, and not the residual stream behind a decoder block; name "
            "one of hook_resid_post (or hook_resid_pre)"
        )
    if spec.layer not in (None, layer):
        raise Refused(
            f"{place(spec, ('layer',))}: layer {spec.layer}, but it was trained on {hook}, which "
            f"is layer {layer} here; write {layer}, or leave it out"
        )
    return layer


def _known(metadata: Any, key: str) -> dict[str, Any]:
    found = getattr(metadata, key) if key in metadata else None
    return dict(found or {})


def _line(error: Exception) -> str:
    """Return an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
