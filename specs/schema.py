"""Every class behind the YAML, and which kind of spec each is."""

from __future__ import annotations

from typing import Any

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
    Method,
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
from specs.model import Model
from specs.parts import Norm, Operator, Part, Read, Scope, Spec, Split
from specs.template import Template
from specs.text_set import TextFile, TextSet
from specs.variant import Turn, Variant

__all__ = [
    "KINDS",
    "CombinedMethod",
    "Concept",
    "Experiment",
    "Fields",
    "FileSource",
    "FittedMethod",
    "HubSource",
    "InlineQuestion",
    "InlineSource",
    "LabelShuffled",
    "Lat",
    "Lda",
    "Leace",
    "LogisticProbe",
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
    "Random",
    "Read",
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
    "experiments": Experiment,
}
"""Folder name of each kind of spec, and its class."""
