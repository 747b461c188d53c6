"""Every class behind the YAML, and which kind of spec each is."""

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
from specs.concept_kinds import AnyConcept
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
from specs.scorer import (
    Classifier,
    DistinctN,
    Judge,
    LogProbability,
    Prices,
    Repetition,
    Scale,
    Scorer,
    Words,
)
from specs.template import Template
from specs.text_set import TextFile, TextSet
from specs.texts_concept import LabelledFile, TextsConcept
from specs.variant import Turn, Variant

__all__ = [
    "KINDS",
    "Aimed",
    "AimedMethod",
    "AnyConcept",
    "Approximator",
    "Classifier",
    "CombinedMethod",
    "Concept",
    "DistinctN",
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
    "Judge",
    "LabelShuffled",
    "LabelledFile",
    "Lat",
    "Lda",
    "Leace",
    "LogProbability",
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
    "Prices",
    "PromptSet",
    "Random",
    "Read",
    "Repetition",
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
    "Scale",
    "Scope",
    "Scorer",
    "Source",
    "Spec",
    "Split",
    "Splits",
    "Template",
    "TemplateSource",
    "Term",
    "TextFile",
    "TextSet",
    "TextsConcept",
    "Turn",
    "Variant",
    "VectorFile",
    "Words",
    "takes_letter_out",
    "with_terms",
]

KINDS: dict[str, Any] = {
    "concepts": AnyConcept,
    "variants": Variant,
    "methods": Method,
    "models": Model,
    "text_sets": TextSet,
    "prompt_sets": PromptSet,
    "scorers": Scorer,
    "saes": Sae,
    "approximators": Approximator,
    "experiments": Experiment,
}
"""Folder name of each kind of spec, and its class."""
