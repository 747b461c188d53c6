"""From a spec and a way to measure effects to an approximator, its file and its rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runners.approximator.adam import fit_adam
from runners.approximator.blocks import EffectBlocks
from runners.approximator.ids import Subject, approximator_id, effects_id
from runners.approximator.inputs import drawn_features, input_vectors, n_held_out, n_wanted
from runners.approximator.linear_map import Rows
from runners.approximator.reverse import causes, neighbours, unit_rows
from runners.approximator.ridge import fit_ridge
from runners.approximator.rows import approximator_tables
from runners.approximator.saved import FittedApproximator, load, save
from runners.approximator.skill import held_out_skill
from runners.console import bar, say
from specs.faults import Refused

if TYPE_CHECKING:
    from torch import Tensor

    from runners.approximator.linear_map import EffectsOf, Examples, LinearMap
    from runners.saes.loaded import LoadedSae
    from specs.schema import Approximator


def make_approximator(
    home: Path,
    spec: Approximator,
    subject: Subject,
    sae: LoadedSae,
    inputs: LoadedSae,
    effects: EffectsOf,
) -> FittedApproximator:
    """Return the approximator of a spec: read back where it is there, else measured and fitted.

    `effects` is asked for unit vectors in blocks of at most `spec.block`; a block that a killed run
    has written is not asked for again. What is fitted is written to
    `<home>/approximators/<id>.safetensors`, and its rows are staged for the warehouse.

    Raises:
        Refused: autoencoders that do not fit the spec or each other, too few vectors, effects that
            are not finite, a file of another approximator.
    """
    _refuse_other_saes(spec, sae, inputs)
    n = n_wanted(spec.inputs, inputs)
    n_held = n_held_out(n, spec.held_out)
    identity = approximator_id(spec, subject, n)
    if found := load(home, identity):
        return found
    blocks = EffectBlocks.of(home, effects_id(spec, subject), n)
    measure(blocks, spec, inputs, effects)
    say(f"approximator {spec.name}: fitting {n - n_held} vectors, {n_held} held out")
    fitted = _fit(spec, Rows(blocks, n_held, n))
    found = FittedApproximator(
        identity,
        _about(spec, subject, n, n_held, sae),
        fitted,
        held_out_skill(fitted, Rows(blocks, 0, n_held)),
        _decoder_cosine(fitted, sae),
        causes(fitted, sae.decoder.cpu(), spec.causes),
        neighbours(sae.decoder.cpu(), spec.causes),
    )
    stage_rows(home, found)  # first: a run killed between the two fits again, and loses nothing
    save(home, found)
    return found


def measure(
    blocks: EffectBlocks, spec: Approximator, inputs: LoadedSae, effects: EffectsOf
) -> None:
    """Measure what is missing of the effects, block by block.

    Raises:
        Refused: as `EffectBlocks.write`.
    """
    missing = list(blocks.missing(spec.block))
    if not missing:
        return
    order = drawn_features(inputs.d_sae, spec.inputs.seed)
    with bar(sum(map(len, missing))) as progress:
        progress.label(f"effects of vectors · {spec.name}")
        for rows in missing:
            vectors = input_vectors(inputs, order[rows.start : rows.stop])
            blocks.write(rows, vectors, effects(vectors))
            progress.advance(len(rows))


def stage_rows(home: Path, found: FittedApproximator) -> None:
    """Stage the rows of an approximator for the warehouse."""
    from warehouse.staged import stage

    stage(home, f"approximators/{found.approximator_id}", approximator_tables(found))


def _fit(spec: Approximator, examples: Examples) -> LinearMap:
    """Fit the map as the spec says."""
    if spec.fit.kind == "ridge":
        return fit_ridge(examples, spec.fit.penalty)

    def told(epoch: int, error: float, validation: float) -> None:
        say(f"epoch {epoch}: mean squared error {error:.4g}, validation {validation:.4g}")

    return fit_adam(examples, spec.fit, told)


def _refuse_other_saes(spec: Approximator, sae: LoadedSae, inputs: LoadedSae) -> None:
    """Raise Refused unless both autoencoders lie at the spec's layer and have one width."""
    for name, one in ((spec.sae, sae), (spec.inputs.sae, inputs)):
        if one.layer != spec.layer:
            raise Refused(
                f"approximator {spec.name}: layer {spec.layer}, but SAE {name} was trained on "
                f"layer {one.layer}; name that layer, or another SAE"
            )
    if sae.d_model != inputs.d_model:
        raise Refused(
            f"approximator {spec.name}: SAE {spec.sae} is for a width of {sae.d_model}, "
            f"{spec.inputs.sae} for {inputs.d_model}; name two of one model"
        )


def _about(
    spec: Approximator, subject: Subject, n: int, n_held: int, sae: LoadedSae
) -> dict[str, str | int | float | None]:
    """Return the columns of the approximator's own row, and its name."""
    from specs.identity import canonical_json

    return {
        "name": spec.name,
        **subject._asdict(),
        "layer": spec.layer,
        "d_model": sae.d_model,
        "d_sae": sae.d_sae,
        "n_inputs": n,
        "n_held_out": n_held,
        "fit": spec.fit.kind,
        "parameters": canonical_json(
            {
                "fit": spec.fit.parameters,
                "inputs": {"seed": spec.inputs.seed},
                "rollouts": spec.rollouts.model_dump(),
                "rise": spec.rise.model_dump(exclude={"text_set"}) if spec.rise else None,
            }
        ),
        "rise": spec.rise.nats if spec.rise and spec.rise.loss is None else None,
        "scale": spec.scale,
        "effects_id": effects_id(spec, subject),
    }


def _decoder_cosine(found: LinearMap, sae: LoadedSae) -> Tensor:
    """Return the cosine of each column of M with the decoder row of its feature, [d_sae]."""
    return (unit_rows(found.weights.T) * unit_rows(sae.decoder.cpu())).sum(1)
