"""The same work done by steering-vectors 0.12.2, in its own way and its own environment.

    PEER_PYTHON benchmarks/peer.py WORK.json

A child of `benchmarks.ask_peer`: reads what to do from WORK.json, then one word a line from stdin,
and answers each with one line of JSON. It imports nothing of steerhouse: its interpreter has
transformers below 5 (the library asks for that), so nothing of ours could be loaded there.

Ways. The seeds (repepo, steering-bench `Pipeline.logprobs`) measure one item at one layer and
multiplier by two passes, prompt + positive and prompt + negative, over all positions' logits. The
`one pass` ways read both answers from one pass instead: kinder to the library than the seeds were.
Token ids are handed over, so that no tokenising is counted, which the seeds pay in every pass.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import AbstractContextManager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import torch
from steering_vectors import SteeringVector
from transformers import AutoModelForCausalLM

Item = dict[str, list[int]]


class Peer:
    """A model, some items with one steering vector a layer, and the ways to measure them."""

    def __init__(self, work: dict[str, Any]) -> None:
        torch.set_num_threads(work["threads"])
        dtype = getattr(torch, work["dtype"])
        model = AutoModelForCausalLM.from_pretrained(work["model"], torch_dtype=dtype)
        self.model = model.to(work["device"]).eval()
        self.work = work
        self.vectors = {
            int(layer): SteeringVector({int(layer): torch.tensor(v, dtype=dtype)})
            for layer, v in work["vectors"].items()
        }

    def bare(self) -> None:
        """Unsteered passes over the batches, one position unembedded: the control."""
        for batch in self.work["bare"]:
            ids, mask = self._padded([item["prompt"] + item["shared"] for item in batch])
            with torch.inference_mode():
                self.model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False)

    def two_passes(self) -> list[float]:
        """One item at a time, one cell at a time, a pass for each completion, as the seeds do."""
        return [
            self._completion(item, layer, multiplier, "positive")
            - self._completion(item, layer, multiplier, "negative")
            for item in self.work["few"]
            for layer, multiplier in self._cells()
        ]

    def one_pass(self) -> list[float]:
        """One item at a time, one cell at a time, both answers read from one pass."""
        return [
            self._both([item], layer, multiplier)[0]
            for item in self.work["few"]
            for layer, multiplier in self._cells()
        ]

    def batched_two_passes(self) -> None:
        """A batch of items, one cell at a time, a pass for each completion."""
        for layer, multiplier in self._batch_cells():
            for side in ("positive", "negative"):
                self._batch_scores(layer, multiplier, side)

    def batched_one_pass(self) -> list[float]:
        """A batch of items, one cell at a time, both answers read from one pass."""
        return [
            found
            for layer, multiplier in self._batch_cells()
            for found in self._both(self.work["batch"], layer, multiplier)
        ]

    def _cells(self) -> list[tuple[int, float]]:
        return [(layer, m) for layer in self.vectors for m in self.work["multipliers"]]

    def _batch_cells(self) -> list[tuple[int, float]]:
        return self._cells()[: self.work["batch_cells"]]

    def _completion(self, item: Item, layer: int, multiplier: float, side: str) -> float:
        """Return log p of the completion's first differing token.

        The seeds sum over all tokens of prompt and completion, which costs the same.
        """
        tokens = item["prompt"] + item["shared"] + item[side]
        decision = len(item["prompt"]) + len(item["shared"]) - 1
        ids = torch.tensor([tokens], device=self.model.device)
        with self._steered(layer, multiplier, min_token_index=decision), torch.no_grad():
            logprobs = torch.log_softmax(self.model(input_ids=ids).logits.float(), -1)
        told = logprobs[:, :-1].gather(2, ids[:, 1:, None])[0, :, 0].tolist()
        return float(told[decision])

    def _both(self, items: list[Item], layer: int, multiplier: float) -> list[float]:
        """Return the logit differences of some items from one pass."""
        ids, mask = self._padded([item["prompt"] + item["shared"] for item in items])
        where = torch.zeros_like(ids)
        where[:, -1] = 1
        steered = self._steered(layer, multiplier, token_indices=where)
        # Unpadded, the seeds hand over no mask of their own either.
        given = (
            {"input_ids": ids} if len(items) == 1 else {"input_ids": ids, "attention_mask": mask}
        )
        with steered, torch.no_grad():
            last = self.model(**given, logits_to_keep=1).logits[:, -1].float()
        return [
            float(row[item["positive"][0]] - row[item["negative"][0]])
            for row, item in zip(last, items)  # noqa: B905 (the peer's Python may be 3.9)
        ]

    def _batch_scores(self, layer: int, multiplier: float, side: str) -> torch.Tensor:
        items = self.work["batch"]
        rows = [item["prompt"] + item["shared"] + item[side] for item in items]
        ids, mask = self._padded(rows)
        where = torch.zeros_like(ids)
        for i, item in enumerate(items):
            where[i, ids.shape[1] - len(item[side]) - 1 :] = 1
        steered = self._steered(layer, multiplier, token_indices=where)
        with steered, torch.no_grad():
            logits = self.model(input_ids=ids, attention_mask=mask).logits
            logprobs = torch.log_softmax(logits.float(), -1)
        return logprobs[:, :-1].gather(2, ids[:, 1:, None])

    def _steered(self, layer: int, multiplier: float, **where: Any) -> AbstractContextManager[None]:
        applied: AbstractContextManager[None] = self.vectors[layer].apply(
            self.model,
            multiplier=multiplier,
            **({"min_token_index": None} if "token_indices" in where else {}),
            **where,
        )
        return applied

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and mask, padded on the left."""
        longest = max(map(len, rows))
        ids = [[0] * (longest - len(row)) + row for row in rows]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        device = self.model.device
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def main() -> None:
    """Do what is asked, a line at a time, until stdin ends."""
    out = sys.stdout
    with redirect_stdout(sys.stderr):  # stdout carries answers only
        peer = Peer(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
        libraries = ("steering-vectors", "transformers", "torch")
        _answer(out, {name: version(name) for name in libraries})
        for line in sys.stdin:
            wall, processor = time.perf_counter(), time.process_time()
            found = getattr(peer, line.strip())()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            took = time.perf_counter() - wall, time.process_time() - processor
            _answer(out, {"wall": took[0], "processor": took[1], "found": found})


def _answer(out: IO[str], content: dict[str, Any]) -> None:
    out.write(json.dumps(content) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
