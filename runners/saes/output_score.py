"""The output score of features: does raising one make the words likelier that it stands for?

S_out of Arad et al. 2025 (arXiv 2505.20063, section 4; their code src/output_score.py), for all
features asked for in a few batches instead of one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from runners.models.load import LoadedModel
    from runners.saes.loaded import LoadedSae
    from specs.schema import SaeOutputScore

BATCH = 32
"""Features that are scored at once."""


@dataclass
class OutputScorer:
    """Scores features of one autoencoder on one model; each is scored once."""

    loaded: LoadedModel
    sae: LoadedSae
    method: SaeOutputScore
    _known: dict[int, float] = field(default_factory=dict)

    def scores(self, features: Sequence[int]) -> list[float]:
        """Return S_out of each feature, from 0 to 1."""
        missing = [feature for feature in dict.fromkeys(features) if feature not in self._known]
        for start in range(0, len(missing), BATCH):
            some = missing[start : start + BATCH]
            self._known.update(zip(some, self._score(some), strict=True))
        return [self._known[feature] for feature in features]

    def _score(self, features: Sequence[int]) -> list[float]:
        import torch

        rows = self.sae.decoder[torch.tensor(features, device=self.sae.decoder.device)]
        with torch.inference_mode():
            words = self._logit_lens(rows)
            probabilities = self._raised(rows)
        # The rank of the likeliest of them: how many tokens are likelier than it.
        best = probabilities.gather(1, words).amax(1, keepdim=True)
        rank = (probabilities > best).sum(1)
        scores = (1 - rank / probabilities.shape[1]) * best[:, 0]
        return [float(score) for score in scores]

    def _logit_lens(self, rows: Tensor) -> Tensor:
        """Return the tokens of the largest unembedded entries, int [features, tokens]."""
        from runners.engine.forwards import returning
        from runners.models.architecture import parts

        found, model = parts(self.loaded.model), self.loaded.model
        hidden = rows[None].to(self.loaded.device, self.loaded.dtype)
        ids = hidden.new_zeros(1, len(rows)).long()
        with returning(found, len(found.blocks), hidden):
            logits = model(input_ids=ids, use_cache=False).logits[0].float()
        words: Tensor = logits.topk(min(self.method.tokens, logits.shape[1]), dim=1).indices
        return words

    def _raised(self, rows: Tensor) -> Tensor:
        """Return next-token probabilities with a feature raised, float32 [features, tokens]."""
        from runners.engine.hooks import residual, with_residual
        from runners.models.architecture import parts

        def raise_last(_module: Any, _arguments: Any, output: Any) -> Any:
            hidden = residual(output).clone()
            most = self.sae.encode(hidden[0, -1]).amax()
            added = self.method.amplification * most * rows
            hidden[:, -1] += added.to(hidden.device, hidden.dtype)
            return with_residual(output, hidden)

        block = parts(self.loaded.model).blocks[self.sae.layer]
        hook = block.register_forward_hook(raise_last)
        try:
            ids = self._prompt().expand(len(rows), -1)
            logits = self.loaded.model(input_ids=ids, use_cache=False).logits[:, -1]
        finally:
            hook.remove()
        chances: Tensor = logits.float().softmax(-1)
        return chances

    def _prompt(self) -> Tensor:
        import torch

        from runners.prompts.encoding import encode_plain

        tokens = encode_plain(self.loaded.tokenizer, [self.method.prompt])
        return torch.tensor(tokens, device=self.loaded.device)
