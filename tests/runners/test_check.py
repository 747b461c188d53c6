"""What `check` says of sixty concepts, and what it costs."""

from __future__ import annotations

from pathlib import Path

from tests.command import cpu_seconds, steerhouse


def test_what_is_not_here_is_one_line_and_no_fault(tmp_path: Path) -> None:
    done = steerhouse("check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    unreached, found = done.stderr.splitlines()
    assert unreached.startswith("Not reachable here: 55 concepts (anti-LGBTQ-rights, ")
    assert " and 53 more), " in unreached
    assert " models (gemma-2-2b, " in unreached
    assert "`steerhouse check NAME` says where it was looked for" in unreached
    assert len(unreached) < 400
    assert found == "No faults found."


def test_a_named_concept_says_where_it_was_looked_for(tmp_path: Path) -> None:
    done = steerhouse("--sources", "mirror", "check", "truthfulqa", "openness", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert "no mirror at mirror/truthfulqa/truthful_qa/multiple_choice/validation" in lines[0]
    assert "no mirror at mirror/Anthropic/model-written-evals/persona/openness.jsonl" in lines[1]
    online = steerhouse("check", "truthfulqa", "--online", cwd=tmp_path)
    assert online.returncode == 1
    assert online.stderr.startswith("Error: ")


def test_the_mirror_leaves_three(tmp_path: Path, shared: Path) -> None:
    done = steerhouse("--sources", str(shared / "sources"), "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    three = "3 concepts (sycophancy_test, sycophancy_train and 1 more), "
    assert done.stderr.startswith(f"Not reachable here: {three}")


def test_check_is_quick(tmp_path: Path) -> None:
    assert cpu_seconds("check", cwd=tmp_path) < 6
