"""Options of `run` on a named experiment: what they change, zero included."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import click

from runners.campaign.adhoc import Request, experiment
from specs.catalog import Catalog
from specs.parts import FitCombination, Norm, Operator, Scope, Split
from specs.schema import Experiment
from specs.settings import Settings


def asked(**given: Any) -> Experiment:
    many = {"concepts", "methods", "models", "fit_variants", "variants", "scopes", "splits"}
    unset = {each.name: () if each.name in many else None for each in fields(Request)}
    name = "tan2024-in-distribution"
    return experiment(Request(**{**unset, "experiment": name, **given}), Catalog([]), Settings())


def test_without_options_it_is_the_experiment_itself() -> None:
    found = asked()
    assert found.name == "tan2024-in-distribution"
    assert (found.resamples, found.nulls.random, found.nulls.label_shuffled) == (20, 20, 20)


def test_zero_takes_nulls_and_resamples_away() -> None:
    found = asked(nulls=0, resamples=0)
    assert (found.resamples, found.nulls.random, found.nulls.label_shuffled) == (0, 0, 0)
    assert found.name.startswith("tan2024-in-distribution-")
    assert found.concepts == ("tag:tan2024",)


def test_options_offer_what_a_spec_takes() -> None:
    from runners.commands import run

    offered = {p.name: p.type.choices for p in run.params if isinstance(p.type, click.Choice)}
    for name, taken in {
        "combinations": FitCombination,
        "operators": Operator,
        "scopes": Scope,
        "norms": Norm,
        "splits": Split,
    }.items():
        assert tuple(offered[name]) == get_args(taken), name
