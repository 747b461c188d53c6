"""Every class behind the YAML, and which kind of spec each is (DESIGN 3)."""

from __future__ import annotations

from typing import Any

from specs.approximator import Approximator, Inputs, MapFit, Sampling
from specs.concept import (
    Concept,
    Fields,
    FileSource,
    HubSource,
    InlineQuestion,
    InlineSource,
    OptionOrders,
    Persona,
    Planted,
    Source,
    Splits,
    TemplateSource,
)
from specs.experiment import Experiment, Nulls
from specs.method import (
    CombinedMethod,
    FittedMethod,
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
    Term,
    VectorFile,
    takes_letter_out,
    with_terms,
)
from specs.method_kinds import Method
from specs.model import Model
from specs.parts import Norm, Operator, Part, Read, Scope, Spec, Split
from specs.prompt_set import PromptSet, Rise
from specs.rollouts import Rollouts
from specs.sae import Sae, SaeCheck, SaeSource, SaeTraining
from specs.sae_features import (
    Feature,
    SaeDecoder,
    SaeDifference,
    SaeFitted,
    SaeOutputScore,
)
from specs.sae_method import Aimed, AimedMethod, Fgaa, SaeTs, SaeTsPinv, SaeTsRotation
from specs.template import Template
from specs.text_set import TextFile, TextSet
from specs.variant import Turn, Variant

__all__ = [
    "KINDS",
    "Aimed",
    "AimedMethod",
    "Approximator",
    "CombinedMethod",
    "Concept",
    "Experiment",
    "Feature",
    "Fgaa",
    "Fields",
    "FileSource",
    "FittedMethod",
    "HubSource",
    "InlineQuestion",
    "InlineSource",
    "Inputs",
    "LabelShuffled",
    "Lat",
    "Lda",
    "Leace",
    "LogisticProbe",
    "MapFit",
    "MeanCentred",
    "MeanDifference",
    "Method",
    "Model",
    "Norm",
    "Nulls",
    "Operator",
    "Optimised",
    "OptionOrders",
    "Part",
    "Pca",
    "PcaCentered",
    "Persona",
    "Planted",
    "PluginMethod",
    "PromptSet",
    "Random",
    "Read",
    "Rise",
    "Rollouts",
    "Sae",
    "SaeCheck",
    "SaeDecoder",
    "SaeDifference",
    "SaeFitted",
    "SaeOutputScore",
    "SaeSource",
    "SaeTraining",
    "SaeTs",
    "SaeTsPinv",
    "SaeTsRotation",
    "Sampling",
    "Scope",
    "Source",
    "Spec",
    "Split",
    "Splits",
    "Template",
    "TemplateSource",
    "Term",
    "TextFile",
    "TextSet",
    "Turn",
    "Variant",
    "VectorFile",
    "takes_letter_out",
    "with_terms",
]

KINDS: dict[str, Any] = {
    "concepts": Concept,
    "variants": Variant,
    "methods": Method,
    "models": Model,
    "text_sets": TextSet,
    "prompt_sets": PromptSet,
    "saes": Sae,
    "approximators": Approximator,
    "experiments": Experiment,
}
"""Folder name of each kind of spec, and its class."""
