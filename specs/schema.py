"""Every class behind the YAML, and which kind of spec each is (DESIGN 3)."""

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
    FittedMethod,
    LabelShuffled,
    LogisticProbe,
    MeanDifference,
    Method,
    Pca,
    PluginMethod,
    Random,
    VectorFile,
)
from specs.model import Model
from specs.parts import Norm, Operator, Part, Read, Scope, Spec, Split
from specs.template import Template
from specs.text_set import TextFile, TextSet
from specs.variant import Turn, Variant

__all__ = [
    "KINDS",
    "Concept",
    "Experiment",
    "Fields",
    "FileSource",
    "FittedMethod",
    "HubSource",
    "InlineQuestion",
    "InlineSource",
    "LabelShuffled",
    "LogisticProbe",
    "MeanDifference",
    "Method",
    "Model",
    "Norm",
    "Nulls",
    "Operator",
    "OptionOrders",
    "Part",
    "Pca",
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
    "TextFile",
    "TextSet",
    "Turn",
    "Variant",
    "VectorFile",
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
