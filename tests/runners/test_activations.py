"""The file of training activations: what lies where, who may read it, what is left behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from runners.campaign.ids import Fit
from runners.campaign.leftovers import remove_leftovers, temporary
from runners.fitting.activations import ActivationFile, Shape
from runners.fitting.training import Training
from specs.faults import Refused

SHAPE = Shape(3, 5, 4)
HEADER = {"format": "x", "read": "answer_token"}
TENSORS = np.random.default_rng(0).standard_normal((2, *SHAPE[:3])).astype(np.float32)


def fill(file: ActivationFile, order: list[list[int]]) -> None:
    for rows in order:
        for layer in range(SHAPE.layers):
            for side in (0, 1):
                file.write(side, layer, rows, TENSORS[side, layer][rows])
    file.finish()


@pytest.mark.parametrize("named", [False, True])
def test_what_is_written_in_any_order_is_read_layer_by_layer(tmp_path: Path, named: bool) -> None:
    path = tmp_path / "a" / "one.safetensors" if named else None
    file = ActivationFile.create(tmp_path / "a", SHAPE, HEADER, path)
    fill(file, [[3, 0], [4], [1, 2]])
    for layer in range(SHAPE.layers):
        for side, found in enumerate(file.layer(layer)):
            np.testing.assert_array_equal(found, TENSORS[side, layer])
    lengths = np.linalg.norm(TENSORS.astype(float), axis=-1)
    np.testing.assert_allclose(file.residual_norm, lengths.mean((0, 2)), rtol=1e-15)
    file.close()
    assert [p.name for p in (tmp_path / "a").iterdir()] == (["one.safetensors"] if named else [])


def test_a_kept_file_is_an_ordinary_safetensors_file(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "one.safetensors"
    file = ActivationFile.create(tmp_path, SHAPE, HEADER, path)
    fill(file, [[0, 1, 2, 3, 4]])
    file.close()
    with safe_open(path, framework="np") as found:
        assert found.metadata() == HEADER
        np.testing.assert_array_equal(found.get_tensor("positive"), TENSORS[0])
        np.testing.assert_array_equal(found.get_slice("negative")[1:2][0], TENSORS[1, 1])
        np.testing.assert_array_equal(found.get_tensor("residual_norm"), file.residual_norm)


def test_batches_decide_nothing(tmp_path: Path) -> None:
    contents = []
    for order in ([[0, 1, 2, 3, 4]], [[4], [2, 0], [2, 0], [3, 1]]):
        path = tmp_path / "one.safetensors"
        file = ActivationFile.create(tmp_path, SHAPE, HEADER, path)
        fill(file, order)
        file.close()
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_a_kept_file_is_used_where_it_fits_alone(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    file = ActivationFile.create(tmp_path, SHAPE, {**HEADER, "item_ids": "[]"}, path)
    fill(file, [[0, 1, 2, 3, 4]])
    file.close()
    again = ActivationFile.open(path, SHAPE, HEADER)
    np.testing.assert_array_equal(again.layer(2)[1], TENSORS[1, 2])
    np.testing.assert_array_equal(again.residual_norm, file.residual_norm)
    again.close()
    with pytest.raises(Refused, match=r"does not fit here \(read\); delete it"):
        ActivationFile.open(path, SHAPE, {**HEADER, "read": "last_token"})
    with pytest.raises(Refused, match=r"\(shape"):
        ActivationFile.open(path, Shape(3, 4, 5), HEADER)
    whole = path.read_bytes()
    for damaged, said in ((whole[:-1], "size"), (whole[:20], "no header"), (b"", "no header")):
        path.write_bytes(damaged)
        with pytest.raises(Refused, match=said):
            ActivationFile.open(path, SHAPE, HEADER)


def test_a_file_that_lacks_rows_is_never_whole(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    file = ActivationFile.create(tmp_path, SHAPE, HEADER, path)
    with pytest.raises(ValueError, match="lacks rows"):
        fill(file, [[0, 1]])
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_named_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=900_000))
    with pytest.raises(Refused, match=r"no room for 48.0 GB .*0.9 MB are free.*--home"):
        ActivationFile.create(tmp_path, Shape(2, 1500, 2_000_000), HEADER)


def test_a_file_that_cannot_become_large_enough_is_refused(tmp_path: Path) -> None:
    code = (
        "import resource; from pathlib import Path\n"
        "from runners.fitting.activations import ActivationFile, Shape\n"
        "from specs.faults import Refused\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: ActivationFile.create(Path('home'), Shape(4, 100, 64), {})\n"
        "except Refused as refusal: print(refusal)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.stdout.startswith("home: no room for 0.2 MB of training activations (File too")
    assert list((tmp_path / "home").iterdir()) == []


def test_what_a_killed_run_was_writing_is_removed_by_the_next(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for folder, name in (("activations", "a.safetensors"), ("vectors", "v.safetensors")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).touch()
        temporary(tmp_path / folder / name).touch()
        (tmp_path / folder / f".{name}.{gone.pid}.tmp").touch()
        (tmp_path / folder / f"old.{gone.pid}.tmp").touch()
        (tmp_path / folder / "mine.tmp").touch()
    assert len(remove_leftovers(tmp_path)) == 4
    left = sorted(p.name for p in (tmp_path / "vectors").iterdir())
    assert left == [f".v.safetensors.{os.getpid()}.tmp", "mine.tmp", "v.safetensors"]
    assert remove_leftovers(tmp_path / "nowhere") == []


def test_memory_holds_one_layer_however_many_there_are(tmp_path: Path) -> None:
    shape = Shape(40, 300, 512)
    batch = np.ones((50, shape.width), np.float32)
    one_layer = 2 * batch.nbytes * 6
    tracemalloc.start()
    try:
        file = ActivationFile.create(tmp_path, shape, HEADER)
        for start in range(0, shape.items, 50):
            for layer in range(shape.layers):
                for side in (0, 1):
                    file.write(side, layer, range(start, start + 50), batch)
        file.finish()
        training = Training(Fit("d", "train", "v", "0", 300, 300), [], np.empty(0), file)
        for layer in range(shape.layers):
            assert training.layer(layer)[0] is training.layer(layer)[0]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * one_layer < shape.size / 20
    training.close()


def test_sides_may_have_different_numbers_of_rows(tmp_path: Path) -> None:
    from safetensors import safe_open

    path, shape = tmp_path / "texts.safetensors", Shape(3, 5, 4, negatives=2)
    sides = TENSORS[0], TENSORS[1][:, :2]
    file = ActivationFile.create(tmp_path, shape, HEADER, path)
    for layer in (2, 0, 1):
        for side, tensor in enumerate(sides):
            for row in reversed(range(tensor.shape[1])):
                file.write(side, layer, [row], tensor[layer, [row]])
    file.finish()
    again = ActivationFile.open(path, shape, HEADER)
    for layer in range(3):
        for found, tensor in zip(again.layer(layer), sides, strict=True):
            np.testing.assert_array_equal(found, tensor[layer])
    lengths = [np.linalg.norm(tensor.astype(float), axis=-1) for tensor in sides]
    np.testing.assert_allclose(again.residual_norm, np.concatenate(lengths, 1).mean(1), rtol=1e-15)
    with safe_open(path, framework="np") as whole:
        np.testing.assert_array_equal(whole.get_tensor("negative"), sides[1])
    assert path.stat().st_size == again.start + shape.size
    with pytest.raises(Refused, match=r"\(shape"):
        ActivationFile.open(path, SHAPE, HEADER)
