"""Run by the peers' own Python: steers a model folder through each library's reader of a file.

Reads cases as JSON from stdin, writes the logit differences of each as JSON to the path in argv.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

if not hasattr(np, "float_"):  # repeng 0.4.0 names it in an annotation; numpy 2 has it no more
    np.float_ = np.float64

Ask = dict[str, Any]


def differences(logits: Callable[[torch.Tensor], torch.Tensor], ask: Ask) -> list[float]:
    """Return logit(positive) − logit(negative) after each prompt."""
    found = []
    with torch.inference_mode():
        for tokens, (positive, negative) in zip(ask["prompts"], ask["answers"], strict=True):
            row = logits(torch.tensor([tokens]))[0, -1].double()
            found.append(float(row[positive] - row[negative]))
    return found


def model_of(ask: Ask) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(ask["model"], dtype=torch.float32).eval()


def steering_vectors(ask: Ask, case: Ask) -> list[float]:
    from safetensors.torch import load_file
    from steering_vectors import SteeringVector

    model = model_of(ask)
    vector = SteeringVector({int(k[6:]): v for k, v in load_file(case["file"]).items()})
    with vector.apply(model, multiplier=case["multiplier"], min_token_index=0):
        return differences(lambda ids: model(ids).logits, ask)


def repeng(ask: Ask, case: Ask) -> list[float]:
    from repeng import ControlModel, ControlVector

    model = ControlModel(model_of(ask), case["layers"])
    model.set_control(ControlVector.import_gguf(case["file"]), case["multiplier"])
    return differences(lambda ids: model(ids).logits, ask)


def lm_eval(ask: Ask, case: Ask) -> list[float]:
    """Steer by the file alone: its coefficient is the multiplier."""
    from lm_eval.models.hf_steered import SteeredModel
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<eos>", pad_token="<eos>"
    )
    steered = SteeredModel(
        ask["model"], case["file"], "cpu", tokenizer=tokenizer, dtype="float32", backend="causal"
    )
    return differences(lambda ids: steered._model_call(ids), ask)


READERS = {"steering-vectors": steering_vectors, "repeng": repeng, "lm-eval": lm_eval}


def main() -> None:
    found = []
    for ask in json.load(sys.stdin):
        cases = []
        for case in ask["cases"]:
            try:
                cases.append({"differences": READERS[case["reader"]](ask, case)})
            except ImportError as missing:
                cases.append({"missing": str(missing)})
        model = model_of(ask)
        plain = differences(lambda ids, model=model: model(ids).logits, ask)
        found.append({"unsteered": plain, "cases": cases})
    with open(sys.argv[1], "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
