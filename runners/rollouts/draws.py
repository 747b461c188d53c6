"""Random numbers that belong to a rollout, whoever else is in the batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from specs.identity import canonical_json, sha256


def uniforms(seed: int, prompt_id: str, sample: int, count: int) -> Tensor:
    """Return float64 [count] in [0, 1): the t-th one draws the t-th token of that rollout.

    The t-th number of Philox-4x64-10 (Salmon et al. 2011) under a key that is the beginning of
    sha256(seed, prompt, sample). So the stream depends on nothing else: steered and unsteered
    rollouts of the same number draw with the same numbers.
    """
    key = int(sha256(canonical_json([seed, prompt_id, sample]))[:32], 16)
    raw = np.random.Philox(key=key).random_raw(count)
    return torch.from_numpy((raw >> np.uint64(11)).astype(np.float64) * 2.0**-53)
