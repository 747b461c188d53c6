"""Plugins: found, hashed, run when they are used, and refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners.campaign.bench import Bench
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from runners.methods.plugins import Plugins
from specs.catalog import Catalog, open as open_catalog
from specs.faults import Refused
from specs.schema import Method, PluginMethod
from specs.settings import Settings

LAYER = 3
MEAN = "def fit(positive, negative, scale=1.0):\n    return scale * (positive - negative).mean(0)\n"


def spec(name: str, **fields: Any) -> Method:
    return PluginMethod(kind="plugin", plugin=name, name=name, **fields)


def fitter_of(kind: Bench, home: Path, *files: Path) -> Fitter:
    return Fitter(kind, home, {}, 8192, plugins=Plugins(files))


def written(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plugin_fits_like_any_method(kind: Bench, catalog: Catalog, tmp_path: Path) -> None:
    fitter = fitter_of(kind, tmp_path, written(tmp_path, MEAN))
    own = fitter.vector(spec("mine"), "base", "raw", 0)
    known = fitter.vector(catalog.get("methods", "mean_difference"), "base", "raw", 0)
    assert own.directions[LAYER].numpy() == pytest.approx(known.directions[LAYER].numpy(), abs=1e-5)
    # Its geometry and halvings are those of any other; only the mean has a noise of its own.
    for key in ("mean_cosine", "auroc", "split_half_cosine"):
        assert own.geometry[LAYER][key] == pytest.approx(known.geometry[LAYER][key], abs=1e-4)
    draws = [Draw(k, LAYER, 0, 0) for k in ("random", "label_shuffled", "resample")]
    for one, other in zip(fitter.derived(own, draws), fitter.derived(known, draws), strict=True):
        assert one.role == other.role
        if one.method != "random":  # drawn for each parent by itself
            gap = one.directions[LAYER] - other.directions[LAYER]
            assert float(gap.norm()) < 1e-4
    scaled = fitter.vector(spec("mine", parameters={"scale": 3.0}), "base", "base", 0)
    assert float(scaled.directions[LAYER].norm()) == pytest.approx(
        known.raw_length[LAYER], rel=1e-4
    )


def test_project_out_works_for_a_plugin(kind: Bench, tmp_path: Path) -> None:
    from runners.methods.letter import letter_axis

    text = "def fit(positive, negative):\n    return positive[0] - negative[0]\n"
    fitter = fitter_of(kind, tmp_path, written(tmp_path, text))
    found = fitter.vector(spec("mine", project_out="letter"), "base", "raw", 0)
    axis = letter_axis(fitter.training("base").pairs(LAYER))
    assert abs(found.directions[LAYER].numpy() @ axis) < 1e-6
    plain = fitter.vector(spec("mine"), "base", "raw", 0)
    assert abs(plain.directions[LAYER].numpy() @ axis) > 1


def test_the_id_hashes_code_and_parameters_and_no_name(kind: Bench, tmp_path: Path) -> None:
    def vector_id(text: str, name: str = "mine", **fields: Any) -> str:
        fitter = fitter_of(kind, tmp_path, written(tmp_path, text, name))
        fitter.plan_only = True
        return fitter.vector(spec(name, **fields), "base", "raw", 0).vector_id

    assert vector_id(MEAN) == vector_id(MEAN, "other")
    assert vector_id(MEAN) != vector_id(MEAN + "# changed\n")
    assert vector_id(MEAN) != vector_id(MEAN, parameters={"scale": 2})
    assert vector_id(MEAN) != vector_id(MEAN, read="last_token")
    recorded = fitter_of(kind, tmp_path, written(tmp_path, MEAN)).vector(
        spec("mine", parameters={"scale": 2}), "base", "raw", 0
    )
    assert recorded.method == "plugin"
    assert {*recorded.parameters} == {"read", "parameters", "sha256", "function"}
    assert recorded.parameters["parameters"] == {"scale": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def fit(p, n):\n    raise ValueError('no\\nway')\n", r"ValueError: no way \(mine.py, line 2\)"),
        ("def fit(p, n):\n    return p\n", r"shape \[48, 128\]; it should return \[128\]"),
        ("def fit(p, n):\n    return None\n", r"shape \[\]|no numbers"),
        ("def fit(p, n):\n    return 'text'\n", "returned no numbers"),
        ("def fit(p, n):\n    return p[0] / 0\n", "not finite"),
        ("def fit(p, n):\n    p[:] = 0\n    return p[0]\n", "read-only"),
        ("def fit(p):\n    return p[0]\n", "TypeError"),
        ("def fit(p, n):\n    raise SystemExit(0)\n", "SystemExit"),
        ("import nowhere_to_be_found\ndef fit(p, n):\n    return p[0]\n", "cannot be loaded: ModuleNotFound"),
        ("fit = 3\n", "fit is no function"),
        ("def fitt(p, n):\n    return p[0]\n", "defines no function `fit`"),
        ("def fit(p, n:\n", r"mine.py:1: not Python"),
        ("\x00", "not Python"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_faulty_plugin_is_one_line(text: str, message: str, kind: Bench, tmp_path: Path) -> None:
    fitter = fitter_of(kind, tmp_path, written(tmp_path, text))
    with pytest.raises(Refused, match=message) as caught:
        fitter.vector(spec("mine"), "base", "raw", 0)
    (line,) = caught.value.faults
    assert "\n" not in line
    assert "mine.py" in line


def test_a_plan_runs_no_code(kind: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = written(tmp_path, f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n{MEAN}")
    fitter = fitter_of(kind, tmp_path, path)
    fitter.plan_only = True
    fitter.vector(spec("mine"), "base", "raw", 0)
    assert not mark.exists()
    fitter.plan_only = False
    fitter.vector(spec("mine"), "base", "raw", 0)
    assert mark.exists()


def test_code_is_run_once_whatever_is_fitted(kind: Bench, tmp_path: Path) -> None:
    count = tmp_path / "count"
    path = written(
        tmp_path, f"with open({str(count)!r}, 'a') as file:\n    file.write('x')\n{MEAN}"
    )
    fitter = fitter_of(kind, tmp_path, path)
    parent = fitter.vector(spec("mine"), "base", "raw", 0)
    fitter.derived(parent, [Draw("resample", LAYER, 0, number) for number in range(3)])
    assert count.read_text() == "x"


def test_an_unknown_plugin_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"nothing bears this name; did you mean 'mine'\?"):
        Plugins([written(tmp_path, MEAN)]).find("mien")
    with pytest.raises(Refused, match=r"entry point in the group steerhouse\.methods; here: none"):
        Plugins().find("mine")


def test_two_files_of_one_name_clash(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    files = [written(tmp_path / folder, MEAN) for folder in "ab"]
    with pytest.raises(Refused, match="plugin mine: named by 2"):
        Plugins(files).find("mine")


def installed(folder: Path, package: str, name: str = "halves") -> None:
    """Lay out a package with an entry point, as an installer would."""
    folder.mkdir(exist_ok=True)
    (folder / f"{package}.py").write_text(MEAN.replace("def fit", "def made"))
    about = folder / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[steerhouse.methods]\n{name} = {package}:made\n")


def test_an_entry_point_is_a_method_without_any_file(
    kind: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "site", "halfway_pack")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    catalog = open_catalog(Settings())
    method = catalog.get("methods", "halves")
    assert "halves" in catalog.names("methods")
    fitter = fitter_of(kind, tmp_path)
    found = fitter.vector(method, "base", "raw", 0)
    assert found.parameters["function"] == "halfway_pack:made"
    pairs = fitter.training("base").pairs(LAYER)
    expected = (pairs.positive - pairs.negative).mean(0)
    assert found.directions[LAYER].numpy() == pytest.approx(expected, abs=1e-5)


def test_clashes_of_entry_points_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("first_pack", "second_pack"):
        installed(tmp_path / "site", package, "clash")
    installed(tmp_path / "site", "third_pack", "mine")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(Refused, match=r"plugin clash: named by 2: .*first_pack.*second_pack"):
        Plugins().find("clash")
    with pytest.raises(Refused, match=r"plugin mine: named by 2: .*third_pack"):
        Plugins([written(tmp_path, MEAN)]).find("mine")


def test_a_file_must_not_hide_a_method(tmp_path: Path) -> None:
    for name, message in (("pca", "pca.yaml is a method of that name; rename"),):
        with pytest.raises(Refused, match=message):
            open_catalog(Settings(plugins=(written(tmp_path, MEAN, name),)))
    with pytest.raises(Refused, match="no such file"):
        open_catalog(Settings(plugins=(tmp_path / "absent.py",)))
    with pytest.raises(Refused, match="name a Python file"):
        open_catalog(Settings(plugins=(tmp_path,)))


def test_read_only_means_the_shelf_stays_as_it_is(kind: Bench, tmp_path: Path) -> None:
    fitter = fitter_of(kind, tmp_path, written(tmp_path, MEAN))
    before = fitter.training("base").layer(LAYER)[0].copy()
    fitter.vector(spec("mine"), "base", "raw", 0)
    assert np.array_equal(fitter.training("base").layer(LAYER)[0], before)
    assert fitter.training("base").layer(LAYER)[0].flags.writeable
