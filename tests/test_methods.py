"""Every shipped way to a vector on a real trained model, and one of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import steerhouse
from tests.doc_blocks import block
from tests.experiments import ask

SHIPPED = (
    "mean_difference",
    "mean_difference_no_letter",
    "mean_difference_last_token",
    "mean_difference_completion",
    "pca",
    "pca_no_letter",
    "logistic_probe",
    "logistic_probe_no_letter",
    "lda",
    "mean_and_probe",
)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """Return a folder in which every method ran on a real model and a real concept."""
    folder = tmp_path_factory.mktemp("stories")
    for kind in ("concepts", "models"):
        (folder / "specs" / kind).mkdir(parents=True)
    (folder / "specs" / "models" / "stories.yaml").write_text(
        f"folder: {shared / 'models' / 'stories260k'}\ntemplate: plain\n"
    )
    (folder / "trimmed.py").write_text(block("methods.md", "python"))
    methods = [part for name in (*SHIPPED, "trimmed") for part in ("--method", name)]
    done = steerhouse(
        "--specs", "specs", "--sources", str(shared / "sources"), "run", "--concept", "openness",
        "--model", "stories", "--plugin", "trimmed.py", *methods, "--layers", "2,3", "--limit", "12",
        "--multipliers", "-1,0,1", "--nulls", "2", "--resamples", "2", "--unfit-items", "drop",
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


def test_every_method_runs_on_a_real_model(stories: Path) -> None:
    assert ask(stories, "select sum(n_missing) from coverage") == [(0,)]
    rows = ask(
        stories,
        """
        select method, count(*) filter (role = 'fitted'), count(*) filter (role = 'null'),
            count(*) filter (role = 'resample')
        from run_card group by method order by method
        """,
    )
    found = {row[0]: row[1:] for row in rows}
    assert {*found} == {*SHIPPED, "trimmed", "random", "label_shuffled"}
    for method in (*SHIPPED, "trimmed"):
        assert found[method] == (1, 0, 2), method
    assert found["random"][1] == found["label_shuffled"][1] == 2 * (len(SHIPPED) + 1)


def test_their_norms_and_geometry_are_there(stories: Path) -> None:
    rows = ask(
        stories,
        """
        select g.method, g.layer, g.length, g.raw_length, g.split_half_cosine, g.auroc, g.degenerate
        from vector_geometry as g where g.role = 'fitted' and g.layer in (2, 3) order by all
        """,
    )
    assert len(rows) == 2 * (len(SHIPPED) + 1)
    base = {row[1]: row[2] for row in rows if row[0] == "mean_difference"}
    for _method, layer, length, raw_length, cosine, auroc, degenerate in rows:
        assert degenerate or length == pytest.approx(base[layer], rel=1e-4)
        assert raw_length > 0
        assert cosine is not None
        assert 0.45 <= auroc <= 1
