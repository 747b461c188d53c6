"""The closed form against scikit-learn, Adam against the closed form, skill against a known map."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as Oracle
from sklearn.metrics import r2_score
from torch import Tensor

from runners.approximator.adam import fit_adam, mean_squared_error
from runners.approximator.linear_map import Held, LinearMap, Rows, every
from runners.approximator.reverse import causes, neighbours
from runners.approximator.ridge import fit_ridge
from runners.approximator.skill import held_out_skill
from specs.faults import Refused
from specs.schema import MapFit


def unit_vectors(n: int, d_model: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    found = torch.randn(n, d_model, generator=draw)
    return found / found.norm(dim=1, keepdim=True)


def planted(
    n: int, d_model: int, d_sae: int, noise: float, seed: int = 0
) -> tuple[Tensor, Tensor, LinearMap]:
    """Return vectors, their effects y = xM + b + noise, and the map."""
    draw = torch.Generator().manual_seed(seed + 1)
    truth = LinearMap(
        torch.randn(d_model, d_sae, generator=draw), 100 + torch.randn(d_sae, generator=draw)
    )
    x = unit_vectors(n, d_model, seed)
    return x, truth.effects(x) + noise * torch.randn(n, d_sae, generator=draw), truth


def cut(x: Tensor, y: Tensor, *sizes: int) -> Held:
    rest = len(x) - sum(sizes)
    return Held(list(zip(x.split([*sizes, rest]), y.split([*sizes, rest]), strict=True)))


@pytest.mark.parametrize("penalty", [0.0, 1e-3, 1.0, 50.0])
def test_ridge_is_that_of_scikit_learn(penalty: float) -> None:
    x, y, _ = planted(700, 24, 40, noise=0.5)
    found = fit_ridge(cut(x, y, 1, 300, 257), penalty)
    oracle = Oracle(alpha=penalty).fit(x.double().numpy(), y.double().numpy())
    np.testing.assert_allclose(found.weights.T.numpy(), oracle.coef_, atol=1e-5)
    # b is about 100: in float32 its last digit is 8e-6.
    np.testing.assert_allclose(found.bias.numpy(), oracle.intercept_, rtol=1e-6)
    foretold = oracle.predict(x.double().numpy())
    np.testing.assert_allclose(found.effects(x).numpy(), foretold, atol=2e-5)


def test_few_vectors_need_a_penalty() -> None:
    x, y, _ = planted(20, 24, 5, noise=0.1)
    oracle = Oracle(alpha=0.1).fit(x.double().numpy(), y.double().numpy())
    found = fit_ridge(Held([(x, y)]), 0.1)
    np.testing.assert_allclose(found.weights.T.numpy(), oracle.coef_, atol=1e-5)
    with pytest.raises(Refused, match="20 vectors do not tell 24 directions apart; give a penalty"):
        fit_ridge(Held([(x, y)]), 0.0)
    with pytest.raises(Refused, match="no vector to fit on"):
        fit_ridge(Held([]), 1.0)


def test_blocks_decide_nothing() -> None:
    x, y, _ = planted(600, 16, 30, noise=1.0)
    whole, parts = fit_ridge(Held([(x, y)]), 1.0), fit_ridge(cut(x, y, 37, 2, 301), 1.0)
    torch.testing.assert_close(whole.weights, parts.weights, rtol=0, atol=1e-6)
    torch.testing.assert_close(whole.bias, parts.bias, rtol=0, atol=1e-5)


def test_rows_of_blocks() -> None:
    x, y, _ = planted(10, 3, 2, noise=0)
    blocks = cut(x, y, 3, 4)
    some = Rows(blocks, 2, 8)
    assert some.sizes() == [1, 4, 1]
    torch.testing.assert_close(torch.cat([a for a, _ in every(some)]), x[2:8])
    torch.testing.assert_close(torch.cat([b for _, b in every(some)]), y[2:8])
    assert Rows(blocks, 7, 7).sizes() == []


def adam(**given: object) -> MapFit:
    return MapFit.model_validate({"kind": "adam", "validation": 0, **given})


def test_adam_converges_to_the_closed_form() -> None:
    x, y, _ = planted(512, 8, 12, noise=0.3)
    y = y - 100
    best = fit_ridge(cut(x, y), 0.0)
    found = fit_adam(cut(x, y), adam(learning_rate=0.05, epochs=400, batch=512))
    torch.testing.assert_close(found.weights, best.weights, rtol=0, atol=1e-3)
    torch.testing.assert_close(found.bias, best.bias, rtol=0, atol=1e-3)
    # Small batches end near it: what Adam comes to rest at depends on how gradients scatter.
    found = fit_adam(cut(x, y, 200), adam(learning_rate=0.03, epochs=60))
    short = fit_adam(cut(x, y, 200), adam(learning_rate=0.03, epochs=3))
    examples = cut(x, y)
    errors = [mean_squared_error(one, examples) for one in (best, found, short)]
    assert errors[0] <= errors[1] < errors[0] * 1.001 < errors[2]


def test_adam_never_trains_on_the_last_vectors() -> None:
    x, y, _ = planted(90, 4, 3, noise=0.1)
    spoilt = y.clone()
    spoilt[-20:] += 1000
    heard = [list[float](), list[float]()]
    found = [
        fit_adam(
            cut(x, effects, 40),
            adam(epochs=2, validation=20),
            lambda _e, _t, validation, into=into: into.append(validation),
        )
        for effects, into in zip((y, spoilt), heard, strict=True)
    ]
    torch.testing.assert_close(found[0].weights, found[1].weights, rtol=0, atol=0)
    assert len(heard[0]) == 2
    assert heard[1][1] > heard[0][1] + 1e5
    with pytest.raises(Refused, match="90 vectors, of which 100 are for validation"):
        fit_adam(cut(x, y), adam(validation=100))


def test_the_defaults_are_the_papers() -> None:
    how = MapFit(kind="adam")
    assert (how.learning_rate, how.epochs, how.batch, how.validation) == (2e-4, 15, 64, 100)
    assert sorted(how.parameters) == ["batch", "epochs", "learning_rate", "seed", "validation"]
    assert MapFit().parameters == {"penalty": 1.0}


def test_skill_is_that_of_scikit_learn() -> None:
    x, y, _ = planted(300, 6, 9, noise=0.4)
    y[:, 4] = 0.0  # a feature that no vector moves
    found = fit_ridge(Rows(cut(x, y), 50, 300), 1.0)
    skill = held_out_skill(found, Rows(cut(x, y, 20), 0, 50))
    true, foretold = y[:50].double().numpy(), found.effects(x[:50]).double().numpy()
    moved = skill.squared_deviation.numpy() > 0
    assert moved.tolist() == [j != 4 for j in range(9)]
    r2 = (1 - skill.squared_error / skill.squared_deviation).numpy()[moved]
    expected = r2_score(true[:, moved], foretold[:, moved], multioutput="raw_values")
    np.testing.assert_allclose(r2, expected, rtol=1e-9)
    scale = (skill.squared_deviation * skill.predicted_deviation).sqrt()
    for j in np.flatnonzero(moved):
        r = np.corrcoef(true[:, j], foretold[:, j])[0, 1]
        assert float(skill.joint_deviation[j] / scale[j]) == pytest.approx(r)
        largest = ((true[:, j] - true[:, j].mean()) ** 2).max()
        assert float(skill.largest_deviation[j]) == pytest.approx(largest)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_a_planted_map_is_recovered_with_the_skill_that_theory_gives(noise: float) -> None:
    """Least squares on Gaussian vectors errs by s² (1 + 1/n) (n - 2) / (n - d - 2) a vector."""
    n, n_held, d_model, d_sae = 400, 400, 20, 150
    x, y, truth = planted(n + n_held, d_model, d_sae, noise)
    examples = cut(x, y, 300)
    found = fit_ridge(Rows(examples, n_held, n + n_held), 0.0)
    skill = held_out_skill(found, Rows(examples, 0, n_held))
    error = float(skill.squared_error.sum()) / (n_held * d_sae)
    expected = noise**2 * (1 + 1 / n) * (n - 2) / (n - d_model - 2)
    assert error == pytest.approx(expected, rel=0.03, abs=1e-9)
    # A unit vector's effect varies by |M_j|²/d; what is left of that, and of the noise, is skill.
    variance = float(truth.weights.square().sum()) / d_model / d_sae + noise**2
    r2 = 1 - float(skill.squared_error.sum() / skill.squared_deviation.sum())
    assert r2 == pytest.approx(1 - expected / variance, abs=0.01)
    # Each entry of M errs by s² / (n var x), with var x = 1/d.
    away = float((found.weights - truth.weights).square().mean().sqrt())
    assert away == pytest.approx(noise * (d_model / (n - d_model - 2)) ** 0.5, rel=0.05, abs=2e-4)


def test_reverse_look_up() -> None:
    decoder = torch.tensor([[2.0, 0, 0], [0, 1, 0], [0, 0.6, 0.8], [0, -1, 0]])
    weights = torch.tensor([[1.0, 0, 0, 0], [0, 2, 0, -3], [0, 0, 5, 0]])
    found = causes(LinearMap(weights, torch.zeros(4)), decoder, 2)
    assert found.features[0, 0] == 0
    assert found.features[1:, 0].tolist() == [1, 2, 3]
    torch.testing.assert_close(found.values[1], torch.tensor([2.0, 1.2]))
    torch.testing.assert_close(found.values[3][0], torch.tensor(3.0))
    near = neighbours(decoder, 3)
    assert near.features[1].tolist() == [2, 0, 3]
    torch.testing.assert_close(near.values[1], torch.tensor([0.6, 0.0, -1.0]))
    assert near.features.shape == (4, 3)
    assert neighbours(decoder, 99).features.shape == (4, 3)  # never itself
