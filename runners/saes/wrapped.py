"""An autoencoder of sae-lens as the rest of the runners sees it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specs.identity import canonical_json, identity

if TYPE_CHECKING:
    from torch import Tensor

NOT_ABOUT = ("metadata", "device", "dtype")
"""Parts of sae-lens's configuration that change no feature."""


@dataclass
class SaeLensSae:
    """A `LoadedSae` that sae-lens encodes and decodes, in float32 and without gradients."""

    sae: Any
    """sae-lens's object."""
    source: str
    """Release and id, `folder:NAME`, or `trained:NAME`: without the path on this machine."""
    sae_id: str
    layer: int
    d_model: int
    d_sae: int

    @classmethod
    def of(cls, sae: Any, layer: int, source: str) -> SaeLensSae:
        """Wrap an autoencoder that reads the output of block `layer`."""
        import torch

        sae = sae.to(torch.float32).eval().requires_grad_(False)
        sizes = int(sae.cfg.d_in), int(sae.cfg.d_sae)
        return cls(sae, source, sae_id(sae, layer), layer, *sizes)

    @property
    def architecture(self) -> str:
        """sae-lens's word for the kind of autoencoder."""
        return str(self.sae.cfg.architecture())

    def encode(self, hidden: Tensor) -> Tensor:
        """Return float32 features [..., d_sae], where the autoencoder lies."""
        import torch

        with torch.no_grad():
            found: Tensor = self.sae.encode(hidden.to(self.decoder.device, torch.float32))
        return found

    def decode(self, features: Tensor) -> Tensor:
        """Return float32 residual streams [..., d_model] of features [..., d_sae]."""
        import torch

        with torch.no_grad():
            found: Tensor = self.sae.decode(features.to(self.decoder.device, torch.float32))
        return found

    @property
    def decoder(self) -> Tensor:
        """Return the decoder's rows, float32 [d_sae, d_model]."""
        rows: Tensor = self.sae.W_dec.detach()
        return rows

    @property
    def encoder(self) -> Tensor:
        """Return the encoder's columns as rows, float32 [d_sae, d_model]."""
        columns: Tensor = self.sae.W_enc.detach()
        return columns.T


def sae_id(sae: Any, layer: int) -> str:
    """Return the id of an autoencoder: its weights (as float32), its configuration, its layer."""
    weights = {
        name: hashlib.sha256(
            tensor.detach().float().cpu().contiguous().numpy().tobytes()
        ).hexdigest()
        for name, tensor in sae.state_dict().items()
    }
    about = {k: v for k, v in sae.cfg.to_dict().items() if k not in NOT_ABOUT}
    return identity("sae", weights=weights, config=canonical_json(about), layer=layer)
