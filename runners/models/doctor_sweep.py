"""What `steerhouse doctor --model M --load` finds: a small sweep beside the reference path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from runners.models.doctor_template import USER

if TYPE_CHECKING:
    from runners.models.doctor_model import Examined
    from runners.models.load import LoadedModel
    from specs.schema import Model
    from specs.settings import Settings


def tell(spec: Model, settings: Settings, found: Examined) -> None:
    """Load the model and compare a small sweep of it with the reference path."""
    from runners.models.load import load

    loaded = load(spec, settings)
    found.add("model_id", loaded.model_id, "loaded")
    for name, reason in loaded.reasons.items():
        found.add(name, reason, "loaded")
    for name, value in _self_check(loaded):
        found.add(name, value, "loaded")


def _self_check(loaded: LoadedModel) -> Iterator[tuple[str, str]]:
    """Yield how far a sweep by every operator over one prompt lies from the reference path."""
    import torch

    from runners.engine.edits import Edit, rows_of
    from runners.engine.selfcheck import arithmetic, self_check, tolerance
    from runners.engine.ways import sweep_by, ways
    from runners.prompts.positions import Unfit
    from runners.prompts.speaker import Speaker
    from runners.prompts.tokenising import tokenise
    from specs.parts import Operator

    speaks = Speaker(loaded.spec, loaded.tokenizer, loaded.context, loaded.vocabulary)
    item = tokenise(speaks, [USER], "(", "A)", "B)")
    if isinstance(item, Unfit):
        return
    draw = torch.Generator().manual_seed(0)
    layers = sorted({0, loaded.n_layers // 2, loaded.n_layers - 1})
    births = {
        layer: rows_of(
            [
                Edit(operator, 1.0, torch.randn(loaded.d_model, generator=draw))
                for operator in get_args(Operator)
            ]
        )
        for layer in layers
    }
    for scope in ("answer", "all"):
        name = ways(loaded, [item], scope)[0]
        result = sweep_by(name)(loaded, [item], births, scope)
        checks = self_check(loaded, [item], births, scope, result)
        worst = max(check.difference for check in checks)
        allowed = tolerance(arithmetic(loaded), checks[0].scale)
        verdict = "equal" if worst <= allowed else "NOT equal, and the next way would serve"
        yield (
            f"scope {scope}",
            f"{name} against reference: {verdict}, {worst:.1e} logits (tolerance {allowed:.1e})",
        )
