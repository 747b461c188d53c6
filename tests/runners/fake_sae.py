"""A sparse autoencoder with random weights: ReLU(W h + b)."""

from __future__ import annotations

import torch
from torch import Tensor


class FakeSae:
    """What `runners.saes.loaded.LoadedSae` asks for."""

    def __init__(self, layer: int, d_model: int, d_sae: int = 40, seed: int = 3) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.sae_id = f"fake{layer}"
        self.layer, self.d_model, self.d_sae = layer, d_model, d_sae
        self.encoder = torch.randn(d_sae, d_model, generator=draw) / d_model**0.5
        self.decoder = self.encoder / self.encoder.norm(dim=-1, keepdim=True)
        self.bias = -0.2 * torch.rand(d_sae, generator=draw)

    def encode(self, hidden: Tensor) -> Tensor:
        return (
            hidden.float() @ self.encoder.to(hidden.device).T + self.bias.to(hidden.device)
        ).relu()

    def decode(self, features: Tensor) -> Tensor:
        return features.float() @ self.decoder
