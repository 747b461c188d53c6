"""What of scoring is told before a run begins, and by `check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from runners.check import check_all
from runners.scoring.ready import classifier_faults, fetch
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Classifier, Judge
from specs.settings import Settings
from tests.runners.scoring_campaign import spec


def test_a_hub_classifier_is_not_reachable_and_a_folder_is_a_fault(tmp_path: Path) -> None:
    spec(tmp_path, "scorers", "far", "kind: classifier\nhub: nobody/nothing\nlabels: [a]\n")
    spec(tmp_path, "scorers", "near", "kind: classifier\nfolder: none\nlabels: [a]\n")
    catalog = Catalog([tmp_path / "specs"])
    specs = [catalog.get("scorers", name) for name in ("far", "near", "words")]
    faults, unreachable = classifier_faults(specs, Settings())
    assert list(unreachable) == ["far"]
    (fault,) = faults
    assert "near.yaml:2:9" in fault
    assert "does not exist" in fault
    with pytest.raises(Refused, match="nobody/nothing is not here"):
        fetch(specs[:1], Settings())


def test_check_tells_them_apart(tmp_path: Path) -> None:
    spec(tmp_path, "scorers", "far", "kind: classifier\nhub: nobody/nothing\nlabels: [a]\n")
    text = "models: [reference]\nconcepts: [kind]\nscorers: [far, words]\n"
    spec(tmp_path, "experiments", "said", text)
    faults, unreachable = check_all(Settings(specs=(tmp_path / "specs",)), ["said"], online=False)
    (fault,) = faults
    assert "experiment said" in fault
    assert "concept 'kind' has no `scorer_words`" in fault
    assert [each.name for each in unreachable] == ["far"]


def test_a_judge_without_a_key_is_a_warning_as_long_as_others_can_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge = Judge(name="j", kind="judge", measures="behaviour", model="m", rubric="{{ text }}", key_env="NO_SUCH_KEY")  # fmt: skip
    (line,) = fetch([judge], Settings())
    assert "scorer j will not be asked" in line
    assert "NO_SUCH_KEY holds no key" in line
    monkeypatch.setenv("NO_SUCH_KEY", "x")
    assert fetch([judge], Settings()) == []


def test_a_classifier_names_one_origin() -> None:
    with pytest.raises(ValueError, match="exactly one of hub, folder"):
        Classifier(name="c", kind="classifier", labels=("a",), hub="a/b", folder="c")
