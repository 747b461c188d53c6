"""Models by spec: located, checked, loaded for inference, and named by an id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.models.device import choose_device, choose_dtype
from runners.models.folder_faults import folder_faults
from runners.models.limits import context
from runners.models.loading import loading_faults
from runners.models.model_files import about, locate, revision
from runners.models.model_row import Origin, model_row
from runners.models.pretrained import from_pretrained, saved_in
from runners.models.probe import probe
from runners.models.quantisation import KEY, quantisation_faults
from runners.prompts.speaker import read_config, read_tokenizer, refuse
from runners.prompts.template_faults import template_faults
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from specs.schema import Model
    from specs.settings import Settings


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to be measured: eval mode, no gradients, on its device in its dtype."""

    spec: Model
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    model_id: str
    revision: str
    device: torch.device
    dtype: torch.dtype
    reasons: Mapping[str, str]
    """Why this `device`, `dtype` and `attention`."""
    n_layers: int
    d_model: int
    context: int
    """Tokens it holds."""
    row: dict[str, Any]
    """Its row of the relation `model`."""

    @property
    def vocabulary(self) -> int:
        """Number of token embeddings."""
        return int(self.model.get_input_embeddings().weight.shape[0])


def load(spec: Model, settings: Settings) -> LoadedModel:
    """Load a model by its spec; global random states stay as they are.

    Raises:
        Refused: whatever is wrong with its files, template, loading options, dtype or architecture.
    """
    import torch

    device, device_reason = choose_device(spec)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        if spec.builtin:
            refuse(loading_faults(spec, ()))
            dtype, dtype_reason = choose_dtype(spec, device, None)
            model, tokenizer, origin = _reference(device)
        else:
            files = locate(spec, settings)
            refuse(folder_faults(spec, files.folder))
            config = read_config(spec, files)
            refuse(loading_faults(spec, {*config.to_dict(), *config.attribute_map}))
            refuse(quantisation_faults(spec, getattr(config, KEY, None)))
            dtype, dtype_reason = choose_dtype(spec, device, saved_in(config))
            tokenizer = read_tokenizer(spec, files)
            model = from_pretrained(spec, files, device, dtype)
            known = about(files, settings)
            origin = Origin(files.source, revision(files, known), known)
    reasons = {"device": device_reason, "dtype": dtype_reason}
    return _loaded(spec, model, tokenizer, origin, reasons)


def _reference(
    device: torch.device,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Origin]:
    from runners.reference_model import CONSTRUCTION_VERSION, build

    model, tokenizer = build()
    named = {"builtin": "reference", "construction": CONSTRUCTION_VERSION}
    origin = Origin("builtin:reference", str(CONSTRUCTION_VERSION), named)
    return model.to(device), tokenizer, origin


def _loaded(
    spec: Model,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    origin: Origin,
    reasons: dict[str, str],
) -> LoadedModel:
    """Check what only the loaded model shows, and name it."""
    from runners.models.architecture import why_not_exact
    from runners.models.ending import widen_ending
    from runners.models.offload import input_device, spread

    refuse(template_faults(tokenizer, spec))
    model = model.eval().requires_grad_(False)
    if reason := why_not_exact(model):
        raise Refused(f"{place(spec)}: {reason}")
    text = model.config.get_text_config()
    reasons["attention"] = f"attention {text._attn_implementation}"
    if where := spread(model):
        reasons["device"] = f"device map: {where}"
    probe(spec, model)
    widen_ending(model)
    weight, held = model.get_input_embeddings().weight, context(spec, text)
    row = model_row(spec, model, tokenizer, origin, held)
    return LoadedModel(
        spec=spec,
        model=model,
        tokenizer=tokenizer,
        model_id=row["model_id"],
        revision=origin.revision,
        device=input_device(model),
        dtype=weight.dtype,
        reasons=reasons,
        n_layers=text.num_hidden_layers,
        d_model=text.hidden_size,
        context=held,
        row=row,
    )
