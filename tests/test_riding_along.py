"""What rides along with fitted vectors, and layers at which there is no direction."""

from __future__ import annotations

from pathlib import Path

from tests.command import steerhouse
from tests.experiments import ask, quick


def test_every_seed_draws_nulls_of_its_own(tmp_path: Path) -> None:
    done = quick(tmp_path, "seeds", "layers: [3]\nlimit: 4\nseeds: [0, 1]\nnulls: {random: 2}\n")
    assert done.returncode == 0, done.stderr
    assert ask(
        tmp_path,
        "select seed, count(*) from vector where role = 'null' group by seed order by seed",
    ) == [(0, 2), (1, 2)]


def test_concepts_have_random_nulls_of_their_own(tmp_path: Path) -> None:
    """A family of verdicts takes its nulls to be independent: no direction serves two concepts."""
    text = (
        "layers: [3]\nlimit: 2\nsplits: [test]\nnulls: {random: 3}\ninclude: [{concept: proud}]\n"
    )
    done = quick(tmp_path, "family", text)
    assert done.returncode == 0, done.stderr
    ((n, cosine),) = ask(
        tmp_path,
        """
        with direction as (
            select vector_id, parent_vector_id, direction
            from vector_direction
            join vector using (vector_id)
            where role = 'null'
        )

        select count(*), max(abs(list_cosine_similarity(a.direction, b.direction)))
        from direction as a
        join direction as b on a.parent_vector_id < b.parent_vector_id
        """,
    )
    assert n == 9
    assert cosine < 0.5


def test_a_single_layer_is_not_chosen_and_has_its_nulls(tmp_path: Path) -> None:
    """One candidate: the validation split is not swept unless it is asked for."""
    text = "layers: [3]\nlimit: 4\nsplits: [test]\nnulls: {random: 2, label_shuffled: 1}\n"
    planned = quick(tmp_path, "one", text, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "4 run(s), 32 measurements asked" in planned.stderr
    done = quick(tmp_path, "one", text)
    assert done.returncode == 0, done.stderr
    assert "choosing" not in done.stderr
    assert ask(tmp_path, "select distinct split from cell") == [("test",)]
    assert ask(
        tmp_path,
        "select role, layer, count(*) from sweep where multiplier <> 0 group by all order by all",
    ) == [("fitted", 3, 8), ("null", 3, 24)]


def test_nothing_rides_along_with_a_single_degenerate_layer(tmp_path: Path) -> None:
    done = quick(tmp_path, "one", "layers: [0]\nlimit: 2\nsplits: [test]\nnulls: {random: 2}\n")
    assert done.returncode == 0, done.stderr
    assert "no layer can be chosen" in done.stderr
    assert "reference: 1 of 1 (vector, layer) are degenerate" in done.stderr
    assert "kind · mean_difference at layer 0\n" in done.stderr
    assert ask(tmp_path, "select distinct role from sweep") == [("fitted",)]


def test_degenerate_layers_keep_their_length_under_every_norm(tmp_path: Path) -> None:
    done = quick(tmp_path, "unit", "limit: 2\nnorms: [unit]\n")
    assert done.returncode == 0, done.stderr
    rows = ask(
        tmp_path,
        "select layer, factor = 1, degenerate from vector_layer where length > 0 "
        "and vector_id in (select vector_id from vector where norm = 'unit') order by layer",
    )
    assert [row[0] for row in rows if row[2]] == [0, 1]
    assert all(unscaled == degenerate for _, unscaled, degenerate in rows)


def test_a_concept_without_a_direction_is_swept_and_said(tmp_path: Path) -> None:
    """Foreign words are all one token to the reference model: its vectors have no length."""
    (tmp_path / "specs" / "concepts").mkdir(parents=True)
    (tmp_path / "specs" / "concepts" / "tea.yaml").write_text(
        "source: {file: tea.csv}\nsplits: {train: 0.4, validation: 0.3, test: 0.3}\n"
    )
    rows = "".join(f"Question number {i}?,Tea {i},Coffee {i}\n" for i in range(12))
    (tmp_path / "specs" / "concepts" / "tea.csv").write_text("question,positive,negative\n" + rows)
    how = ("--concept", "tea", "--model", "reference", "--nulls", "3")
    done = steerhouse("--specs", "specs", "run", *how, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no layer can be chosen" in done.stderr
    assert "reference: 6 of 6 (vector, layer) are degenerate" in done.stderr
    assert "tea · mean_difference at layer 0, " in done.stderr
    assert ask(tmp_path, "select sum(n_missing) from coverage") == [(0,)]
