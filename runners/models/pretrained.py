"""Weights from a folder through transformers: safetensors only, every tensor found, no code run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from runners.models.quantisation import KEY, quantisation
from runners.prompts.chat import first_line
from runners.prompts.speaker import quiet
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

    from runners.models.model_files import ModelFiles
    from specs.schema import Model


def saved_in(config: PreTrainedConfig) -> str | None:
    """Return the dtype that a checkpoint was saved in, e.g. `bfloat16`."""
    saved = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    return str(saved).removeprefix("torch.") if saved is not None else None


def from_pretrained(
    spec: Model,
    files: ModelFiles,
    device: torch.device,
    dtype: torch.dtype,
) -> PreTrainedModel:
    """Return the model as transformers loads it, with every weight found in its files.

    transformers chooses the attention: sdpa, or eager where sdpa would leave something out (the
    soft cap of Gemma-2); `loading: {attn_implementation: …}` overrides it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"device_map": {"": device}, **spec.loading}
    if (quantised := quantisation(spec)) is not None:
        options[KEY] = quantised
    where = place(spec)
    try:
        # It warns that offloaded weights are not here, which the device map says already.
        logging.getLogger("accelerate.big_modeling").setLevel(logging.ERROR)
        with quiet():
            model, report = AutoModelForCausalLM.from_pretrained(
                str(files.folder),
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                **options,
            )
    except torch.OutOfMemoryError:
        raise Refused(
            f"{where}: {files.source} in {dtype} does not fit on {device}; use a smaller dtype, or "
            "`loading: {device_map: auto}`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise Refused(
            f"{where}: transformers cannot load {files.source}: {first_line(error)}; compare its "
            "config.json with its weights, and `loading:` in the spec"
        ) from None
    # transformers fills weights that it does not find with random numbers, and only warns.
    if lacking := sorted(str(key) for key in report["missing_keys"]):
        raise Refused(
            f"{where}: the weights of {files.source} lack {len(lacking)} of the model's tensors "
            f"(e.g. {lacking[0]}); they belong to another config.json"
        )
    return model
