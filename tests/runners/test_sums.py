"""Several methods at once: the vector of a sum, its id, and what is drawn again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runners.fitting.draws import resampled_rows
from runners.fitting.estimator import Estimator, parameters
from runners.methods.label_shuffled import label_shuffled
from runners.methods.letter import letter_axis
from runners.methods.pairs import Pairs
from runners.methods.plugins import Plugins
from specs.catalog import Catalog
from specs.schema import CombinedMethod

QUESTIONS = [f"q{n // 2}" for n in range(24)]


def sum_of(text: str, folder: Path) -> CombinedMethod:
    (folder / "methods").mkdir(exist_ok=True)
    (folder / "methods" / "own.yaml").write_text(f"kind: combined\n{text}")
    found = Catalog([folder]).get("methods", "own")
    assert isinstance(found, CombinedMethod)
    return found


def pairs_of(seed: int = 0) -> Pairs:
    """Return pairs with a concept on axis 0 and a letter on axis 1."""
    rng = np.random.default_rng(seed)
    positive, negative = rng.standard_normal((2, 24, 10))
    order = np.tile([1.0, -1.0], 12)
    positive[:, 0] += 3
    positive[:, 1] += 2 * order
    negative[:, 1] -= 2 * order
    return Pairs.of(positive, negative, order)


def fit(name: str) -> Estimator:
    return Estimator.of(Catalog().get("methods", name), Plugins())  # type: ignore[arg-type]


TWO = (
    "terms:\n  - {method: mean_difference, coefficient: 2}\n  - {method: lda, coefficient: -0.5}\n"
)


def test_raw_lengths_and_equal_lengths(tmp_path: Path) -> None:
    pairs = pairs_of()
    mean, lda = fit("mean_difference")(pairs), fit("lda")(pairs)
    raw = Estimator.of(sum_of(TWO + "lengths: raw\n", tmp_path), Plugins())(pairs)
    assert raw == pytest.approx(2 * mean - 0.5 * lda)
    equal = Estimator.of(sum_of(TWO, tmp_path), Plugins())(pairs)
    lengths = np.linalg.norm(mean), np.linalg.norm(lda)
    assert lengths[1] < 0.99 * lengths[0]
    common = np.mean(lengths)
    assert equal == pytest.approx(common * (2 * mean / lengths[0] - 0.5 * lda / lengths[1]))


def test_one_term_alone_is_its_method(tmp_path: Path) -> None:
    pairs = pairs_of()
    for name in ("lda", "pca_no_letter", "mean_difference"):
        alone = Estimator.of(sum_of(f"terms: [{{method: {name}}}]\n", tmp_path), Plugins())
        assert alone(pairs) == pytest.approx(fit(name)(pairs))
        assert alone.settled(pairs)(pairs) == pytest.approx(fit(name)(pairs))
        assert alone.is_slow == fit(name).is_slow
        assert not alone.is_mean_difference


def test_shuffled_labels_and_resamples_keep_the_factors_of_the_whole(tmp_path: Path) -> None:
    """Else a term that is short on shuffled labels would be scaled up, and be no null."""
    pairs = pairs_of()
    names = ("mean_difference", "pca_no_letter")
    terms = ", ".join(f"{{method: {name}}}" for name in names)
    settled = Estimator.of(sum_of(f"terms: [{terms}]\n", tmp_path), Plugins()).settled(pairs)
    whole = [fit(name)(pairs) for name in names]
    common = np.mean([np.linalg.norm(vector) for vector in whole])
    for number in range(3):
        again = (
            label_shuffled(pairs, QUESTIONS, 0, number),
            pairs.take(resampled_rows(QUESTIONS, 0, number)),
        )
        for drawn in again:
            expected = sum(
                fit(name)(drawn) * common / np.linalg.norm(vector)
                for name, vector in zip(names, whole, strict=True)
            )
            assert settled(drawn) == pytest.approx(expected)
    lengths = [np.linalg.norm(settled(label_shuffled(pairs, QUESTIONS, 0, n))) for n in range(20)]
    assert np.mean(lengths) < 0.7 * np.linalg.norm(settled(pairs))


def test_the_letter_is_taken_out_once_for_all_terms(tmp_path: Path) -> None:
    pairs = pairs_of()
    text = "project_out: letter\nterms: [{method: mean_difference}, {method: pca_no_letter}]\n"
    found = Estimator.of(sum_of(text, tmp_path), Plugins()).settled(pairs)(pairs)
    assert found @ letter_axis(pairs) == pytest.approx(0, abs=1e-12)
    parts = [fit(name)(pairs) for name in ("mean_difference_no_letter", "pca_no_letter")]
    lengths = [np.linalg.norm(part) for part in parts]
    expected = sum(np.mean(lengths) * p / n for p, n in zip(parts, lengths, strict=True))
    assert found == pytest.approx(expected)


def test_several_parts_are_summed_each_by_itself(tmp_path: Path) -> None:
    one, other = pairs_of(1), pairs_of(2)
    estimator = Estimator.of(sum_of(TWO, tmp_path), Plugins())
    expected = (estimator(one) + estimator(other)) / 2
    both = Pairs.joined([one, other])
    assert estimator(both) == pytest.approx(expected)
    assert estimator.settled(both)(both) == pytest.approx(expected)


def test_an_id_hashes_what_terms_do_and_not_what_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "mine.yaml").write_text("kind: lda\nversion: 3\n")
    found = [
        parameters(sum_of(text, tmp_path), Plugins())
        for text in (TWO, TWO.replace("lda", "mine"), TWO.replace("-0.5", "0.5"))
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert [term["method"] for term in found[0]["terms"]] == ["mean_difference", "lda"]


def test_a_method_of_ones_own_is_a_term(tmp_path: Path) -> None:
    from specs.plugins import add_plugins

    (tmp_path / "mine.py").write_text("def fit(p, n):\n    return (p - n)[0]\n")
    (tmp_path / "methods").mkdir()
    text = "kind: combined\nlengths: raw\nterms: [{method: mine}, {method: pca}]\n"
    (tmp_path / "methods" / "own.yaml").write_text(text)
    catalog = Catalog([tmp_path])
    assert any("unknown method 'mine'" in line for line in catalog.faults())
    add_plugins(catalog, [tmp_path / "mine.py"])
    assert catalog.faults() == []
    spec, plugins, pairs = (
        catalog.get("methods", "own"),
        Plugins([tmp_path / "mine.py"]),
        pairs_of(),
    )
    assert isinstance(spec, CombinedMethod)
    expected = (pairs.positive - pairs.negative)[0] + fit("pca")(pairs)
    assert Estimator.of(spec, plugins)(pairs) == pytest.approx(expected)
    about = parameters(spec, plugins)["terms"][0]
    assert about["parameters"]["sha256"] == plugins.find("mine").sha256
