"""A sparse autoencoder as the rest of the runners sees it: encode, decode, decoder rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class LoadedSae(Protocol):
    """A sparse autoencoder in memory, whatever it was read from; nothing of it has a gradient."""

    sae_id: str
    """Hash of its weights and configuration."""
    layer: int
    """0-based decoder block whose output it was trained on."""
    d_model: int
    d_sae: int

    def encode(self, hidden: Tensor) -> Tensor:
        """Return float32 features [..., d_sae] of residual streams [..., d_model] of any dtype."""
        ...

    def decode(self, features: Tensor) -> Tensor:
        """Return float32 residual streams [..., d_model] of features [..., d_sae]."""
        ...

    @property
    def decoder(self) -> Tensor:
        """Return the decoder's rows, float32 [d_sae, d_model], one a feature."""
        ...

    @property
    def encoder(self) -> Tensor:
        """Return the encoder's columns as rows, float32 [d_sae, d_model], one a feature."""
        ...
