"""Run by the peers' own Python: steers a model folder through each library's reader of a file.

Reads cases as JSON from stdin, writes the logit differences of each as JSON to the path in argv.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

if not hasattr(np, "float_"):  # repeng 0.4.0 names it in an annotation; numpy 2 has it no more
    np.float_ = np.float64

Ask = dict[str, Any]


def differences(logits: Callable[[torch.Tensor, int], torch.Tensor], ask: Ask) -> list[float]:
    """Return logit(positive) − logit(negative) after each prompt; `logits` gets its number too."""
    found = []
    with torch.inference_mode():
        for i, (tokens, answers) in enumerate(zip(ask["prompts"], ask["answers"], strict=True)):
            positive, negative = answers
            row = logits(torch.tensor([tokens]), i)[0, -1].double()
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

    def logits(ids: torch.Tensor, i: int) -> torch.Tensor:
        start = ask["ends"][i] if case["scope"] == "answer" else 0
        with vector.apply(model, multiplier=case["multiplier"], min_token_index=start):
            return model(ids).logits

    return differences(logits, ask)


def repeng(ask: Ask, case: Ask) -> list[float]:
    from repeng import ControlModel, ControlVector

    model = ControlModel(model_of(ask), case["layers"])
    model.set_control(ControlVector.import_gguf(case["file"]), case["multiplier"])
    return differences(lambda ids, _: model(ids).logits, ask)


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
    return differences(lambda ids, _: steered._model_call(ids), ask)


def llama_cpp(ask: Ask, case: Ask) -> list[float]:
    """Steer in llama.cpp, not in torch."""
    if (
        "Llama"
        not in json.loads((Path(ask["model"]) / "config.json").read_text())["architectures"][0]
    ):
        raise ImportError("only a Llama is written as gguf here")
    where = Path(__file__).with_name("peer_llama_cpp.py")
    spec = importlib.util.spec_from_file_location("peer_llama_cpp", where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.differences(ask, case))


READERS = {
    "steering-vectors": steering_vectors,
    "repeng": repeng,
    "lm-eval": lm_eval,
    "gguf": llama_cpp,
}


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
        plain = differences(lambda ids, _, model=model: model(ids).logits, ask)
        found.append({"unsteered": plain, "cases": cases})
    with open(sys.argv[1], "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
