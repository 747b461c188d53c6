"""A mean over fit variants, and its norms, through the real command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import steerhouse
from tests.experiments import ask

SMALL = ("--model", "reference", "--layers", "3", "--multipliers", "-1,1", "--limit", "8")
MEANS = """\
models: [reference]
concepts: [kind]
methods: [mean_difference, pca_no_letter]
fit_variants: [base, user_positive, system_negative]
combinations: [single, mean]
variants: [base, user_positive]
norms: [base, raw]
layers: best
multipliers: [-1, 0, 1]
nulls: {random: 2, label_shuffled: 2}
resamples: 2
limit: 8
"""


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which an experiment with a mean over fit variants ran."""
    folder = tmp_path_factory.mktemp("means")
    (folder / "specs" / "experiments").mkdir(parents=True)
    (folder / "specs" / "experiments" / "means.yaml").write_text(MEANS)
    done = steerhouse("--specs", "specs", "run", "means", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_mean_over_fit_variants_is_that_of_their_raw_vectors(means: Path) -> None:
    import numpy as np

    rows = ask(
        means,
        """
        select name.name, vector.norm, vector.combination, direction, length
        from vector join name on name.id = vector_id and name.kind = 'method'
        join vector_direction using (vector_id) join vector_layer using (vector_id, layer)
        where role = 'fitted' and layer = 3
        """,
    )
    for method in ("mean_difference", "pca_no_letter"):
        found = {
            (norm, combination): [np.array(d) for n, m, c, d, _ in rows if (n, m, c) == (method, norm, combination)]
            for norm in ("base", "raw")
            for combination in (None, "mean")
        }  # fmt: skip
        assert len(found["raw", None]) == 3
        (raw,), (based,) = found["raw", "mean"], found["base", "mean"]
        assert raw == pytest.approx(np.mean(found["raw", None], axis=0), abs=1e-6)
        length = {n: le for n, m, c, _, le in rows if (m, c) == ("base", None)}[method]
        assert np.linalg.norm(based) == pytest.approx(length, rel=1e-5)
        assert np.cross(raw[:3], based[:3]) == pytest.approx(0, abs=1e-6)


def test_a_mean_is_named_by_all_its_fits_and_chooses_no_layer(means: Path) -> None:
    assert ask(means, "select sum(n_missing) from coverage") == [(0,)]
    named = {row[0] for row in ask(means, "select fit_variant from run_card where role = 'fitted'")}
    joined = "base + system_negative + user_positive"
    assert named == {"base", "system_negative", "user_positive", joined}
    rows = ask(means, "select distinct method, fit_variant, layer from best_layer order by all")
    assert rows == [("mean_difference", "base", 3), ("pca_no_letter", "base", 3)]
    ((n_items, n_questions),) = ask(
        means, f"select distinct n_items, n_questions from fit_card where fit_variant = '{joined}'"
    )
    assert (n_items, n_questions) == (144, 24)
    cells = ask(
        means,
        f"select count(*), min(steerability) from steerability where fit_variant = '{joined}' "
        "and split = 'test' and role = 'fitted'",
    )
    assert cells[0][0] == 2 * 2 * 2  # methods, evaluation variants, norms
    assert cells[0][1] > 2


def test_the_order_of_fit_variants_decides_nothing(means: Path) -> None:
    text = MEANS.replace(
        "[base, user_positive, system_negative]", "[user_positive, system_negative, base]"
    )
    (means / "specs" / "experiments" / "again.yaml").write_text(text)
    done = steerhouse("--specs", "specs", "run", "again", cwd=means)
    assert done.returncode == 0, done.stderr
    assert "nothing was measured" in done.stderr


def test_options_of_the_command_reach_norm_and_combination(tmp_path: Path) -> None:
    fits = ("--fit-variant", "base", "--fit-variant", "user_positive", "--combination", "mean")
    done = steerhouse(
        "run", "--concept", "kind", *SMALL, *fits, "--norm", "unit", "--norm", "base", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    rows = ask(
        tmp_path,
        "select combination, norm, round(length, 4) from run join vector using (vector_id) "
        "join vector_layer using (vector_id) where layer = 3 order by all",
    )
    assert [row[:2] for row in rows] == [("mean", "base"), ("mean", "unit")]
    assert rows[1][2] == 1
