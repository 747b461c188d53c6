"""Does a model compute here at all? One token through those whose loading proves too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.models.offload import input_device, spread
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from specs.schema import Model


def probe(spec: Model, model: PreTrainedModel) -> None:
    """Let a quantised or spread model compute one token, before anything is measured.

    Raises:
        Refused: its quantiser cannot compute here, or its device map parts what belongs together.
    """
    import torch

    if getattr(model.config, "quantization_config", None) is not None:
        remedy = "another kind of `quantization_config`, or another version of its package"
    elif spread(model):
        remedy = "change `loading: {device_map: …}`; a tied head lies where the embedding does"
    else:
        return
    try:
        with torch.inference_mode():
            model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=input_device(model)))
    except Exception as error:  # whatever a quantiser or an offloaded layer fails with
        cause = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Refused(f"{place(spec)}: it cannot compute as loaded: {cause}; {remedy}") from None
