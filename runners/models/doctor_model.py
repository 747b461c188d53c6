"""What `steerhouse doctor --model M` finds: how a model is served and spoken to, what it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from runners.models.doctor import SMALL_EFFECTS, Fact
from specs.faults import Refused

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from runners.models.load import LoadedModel
    from specs.schema import Model
    from specs.settings import Settings

MODEL = "model"


@dataclass
class Examined:
    """Facts about a model, and what would refuse it."""

    facts: list[Fact] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, value: object, section: str = MODEL) -> None:
        """Note one fact."""
        self.facts.append(Fact(section, name, str(value)))


def examine(spec: Model, settings: Settings, weights: bool, online: bool) -> Examined:
    """Return what is known of a model from its configuration; with `weights` it is loaded too."""
    from runners.models import doctor_sweep, doctor_template

    found = Examined()
    try:
        _configuration(spec, settings, online, found)
        if not found.faults:
            doctor_template.tell(spec, settings, found)
        if weights and not found.faults:
            doctor_sweep.tell(spec, settings, found)
    except Refused as refused:
        found.faults += refused.faults
    return found


def _configuration(spec: Model, settings: Settings, online: bool, found: Examined) -> None:
    from runners.models.device import choose_device, choose_dtype
    from runners.models.limits import context
    from runners.models.pretrained import saved_in

    model = _unloaded(spec, settings, online)
    text: Any = model.config.get_text_config()
    device, device_reason = choose_device(spec)
    dtype, dtype_reason = choose_dtype(spec, device, saved_in(model.config))
    held = context(spec, text)
    found.add("family", f"{text.model_type} ({type(model).__name__})")
    found.add("size", f"{text.num_hidden_layers} layers, width {text.hidden_size}")
    found.add("context", f"{held} tokens")
    found.add("device", device_reason)
    found.add("dtype", dtype_reason)
    found.add("attention", text._attn_implementation)
    quantised = spec.loading.get("quantization_config") or _stated(model.config)
    if quantised is not None:
        found.add("quantisation", f"{quantised} (the weights below are counted without it)")
    if dtype.itemsize < 4:
        found.add("warning", SMALL_EFFECTS)
    _ways(model, held, found)
    _memory(model, device, dtype, found)


def _stated(config: Any) -> Any:
    """Return what a checkpoint says of its own quantisation."""
    stated = getattr(config, "quantization_config", None)
    return stated if stated is None or isinstance(stated, dict) else stated.to_dict()


def _unloaded(spec: Model, settings: Settings, online: bool) -> PreTrainedModel:
    """Return the model without weights, on the meta device; what is wrong with its files raises."""
    import torch
    from transformers import AutoModelForCausalLM

    from runners.models.folder_faults import folder_faults
    from runners.models.loading import loading_faults, overrides
    from runners.models.model_files import locate
    from runners.models.quantisation import quantisation_faults
    from runners.prompts.chat import first_line
    from runners.prompts.speaker import quiet, read_config, refuse
    from specs.reader import place

    if spec.builtin:
        from runners.reference_model import build

        refuse(loading_faults(spec, ()))
        return build()[0]
    files = locate(spec, settings, download=online)
    refuse(folder_faults(spec, files.folder))
    config = read_config(spec, files)
    refuse(loading_faults(spec, {*config.to_dict(), *config.attribute_map}))
    refuse(quantisation_faults(spec, getattr(config, "quantization_config", None)))
    for key, value in overrides(spec).items():
        setattr(config, key, value)
    asked = {k: v for k, v in spec.loading.items() if k == "attn_implementation"}
    try:
        with torch.device("meta"), quiet():
            model: PreTrainedModel = AutoModelForCausalLM.from_config(config, **asked)
    except (ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise Refused(
            f"{place(spec)}: transformers cannot build {files.source}: {first_line(error)}; mend "
            "its config.json, or `loading:` in the spec"
        ) from None
    return model


def _ways(model: PreTrainedModel, held: int, found: Examined) -> None:
    """Say by which way each scope is served, for short prompts and for the longest."""
    from runners.models.architecture import way
    from runners.models.experts import routes

    short = way(model)
    if short.kind == "refuse":
        found.add("served", f"not at all: {short.reason}")
        found.faults.append(f"{type(model).__name__} cannot be steered here: {short.reason}")
        return
    chains = short.kind == "chains"
    late = "chains: one pass for all layers and multipliers" if chains else "replay"
    found.add("scopes answer, decision", late if chains else f"{late}: {short.reason}")
    found.add("scopes prompt, all", "replay: blocks up to a layer once, the rest per multiplier")
    if not short.padded:
        found.add("batches", "of prompts of one length: padding would go through its state")
    if (long := way(model, held)) != short:
        found.add("long prompts", f"{long.kind}: {long.reason}")
    if routes(model):
        found.add("experts", "a nearly tied router may flip: --verify lets one row in 20 pass")


def _memory(
    model: PreTrainedModel, device: torch.device, dtype: torch.dtype, found: Examined
) -> None:
    from runners.engine.batches import default_tokens_per_batch
    from runners.models.free_memory import free_memory

    text: Any = model.config.get_text_config()
    count = sum(weight.numel() for weight in model.parameters())
    weights, free = count * dtype.itemsize, free_memory(device)
    fits = (
        "" if weights < free else "; too large: a smaller dtype, or `loading: {device_map: auto}`"
    )
    found.add(
        "weights",
        f"{count / 1e6:,.1f} million parameters, {weights / 2**30:.2f} GiB in "
        f"{str(dtype).removeprefix('torch.')}, {free / 2**30:.1f} GiB free{fits}",
    )
    shape = SimpleNamespace(
        device=device, n_layers=text.num_hidden_layers, d_model=text.hidden_size, dtype=dtype
    )
    tokens = default_tokens_per_batch(cast("LoadedModel", shape))
    cache = 2 * shape.n_layers * shape.d_model * dtype.itemsize * tokens
    found.add("batch", f"{tokens:,} tokens; keys and values up to {cache / 2**20:,.0f} MiB")
