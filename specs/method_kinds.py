"""Every kind of method spec, told apart by its key `kind`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from specs.method import (
    CombinedMethod,
    LabelShuffled,
    Lat,
    Lda,
    Leace,
    LogisticProbe,
    MeanCentred,
    MeanDifference,
    Optimised,
    Pca,
    PcaCentered,
    PluginMethod,
    Random,
    VectorFile,
)
from specs.sae_features import SaeDecoder, SaeDifference, SaeOutputScore
from specs.sae_method import Fgaa, SaeTs, SaeTsPinv, SaeTsRotation


def _method_tag(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"<{kind}>" if isinstance(kind, str) else None


Method = Annotated[
    Annotated[MeanDifference, Tag("<mean_difference>")]
    | Annotated[Pca, Tag("<pca>")]
    | Annotated[LogisticProbe, Tag("<logistic_probe>")]
    | Annotated[PcaCentered, Tag("<pca_centered>")]
    | Annotated[Lda, Tag("<lda>")]
    | Annotated[Lat, Tag("<lat>")]
    | Annotated[Leace, Tag("<leace>")]
    | Annotated[MeanCentred, Tag("<mean_centred>")]
    | Annotated[CombinedMethod, Tag("<combined>")]
    | Annotated[Optimised, Tag("<optimised>")]
    | Annotated[SaeDecoder, Tag("<sae_decoder>")]
    | Annotated[SaeDifference, Tag("<sae_difference>")]
    | Annotated[SaeOutputScore, Tag("<sae_output_score>")]
    | Annotated[SaeTs, Tag("<sae_ts>")]
    | Annotated[SaeTsPinv, Tag("<sae_ts_pinv>")]
    | Annotated[SaeTsRotation, Tag("<sae_ts_rotation>")]
    | Annotated[Fgaa, Tag("<fgaa>")]
    | Annotated[PluginMethod, Tag("<plugin>")]
    | Annotated[Random, Tag("<random>")]
    | Annotated[LabelShuffled, Tag("<label_shuffled>")]
    | Annotated[VectorFile, Tag("<file>")],
    Discriminator(_method_tag),
]
