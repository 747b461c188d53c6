from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from warehouse.relations import arrow_table
from warehouse.staged import abandoned, alteration, stage, waiting

NAMES = arrow_table("name", [{"kind": "model", "id": "m", "name": "a"}] * 2)
PLANTED = arrow_table(
    "planted", [{"model_id": "m", "dataset_id": "d", "quantity": "q", "variant_id": "v"}]
)


def test_rows_of_all_relations_stand_in_one_file(tmp_path: Path) -> None:
    file = stage(tmp_path, "unit/block-0", {"name": NAMES, "planted": PLANTED})
    table = pq.read_table(file)
    assert file.parent == tmp_path / "staged" / "unit"
    assert table.column_names == ["name", "planted"]
    assert table["name"].to_pylist()[:2] == NAMES.to_pylist()
    assert table["planted"].to_pylist()[2] == PLANTED.to_pylist()[0]
    held = [sum(value is not None for value in row.values()) for row in table.to_pylist()]
    assert held == [1, 1, 1]


def test_the_name_holds_the_checksum(tmp_path: Path) -> None:
    file = stage(tmp_path, "k", {"name": NAMES})
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    assert file.name == f"k.{digest}.parquet"
    assert alteration(file) is None
    assert stage(tmp_path, "k", {"name": NAMES}) == file


@pytest.mark.parametrize("key", ["", "/etc/x", "../x", "a/../x", "refused/x"])
def test_keys_stay_inside_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        stage(tmp_path, key, {"name": NAMES})


def test_what_does_not_fit_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name has no column dataset_id"):
        stage(tmp_path, "k", {"name": PLANTED})
    with pytest.raises(ValueError, match="nothing to stage"):
        stage(tmp_path, "k", {"name": NAMES.slice(0, 0)})
    assert not list((tmp_path).rglob("*.parquet"))


def test_types_are_those_of_the_table(tmp_path: Path) -> None:
    import pyarrow as pa

    loose = pa.table({"kind": ["model"], "id": ["m"], "name": pa.array(["a"]).dictionary_encode()})
    file = stage(tmp_path, "k", {"name": loose})
    assert pq.read_table(file)["name"].type.field("name").type == pa.string()


def test_altered_bytes_are_seen(tmp_path: Path) -> None:
    file = stage(tmp_path, "k", {"name": NAMES})
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert "truncated or altered" in (alteration(file) or "")
    file.rename(file.with_name("k.parquet"))
    assert "no checksum" in (alteration(file.with_name("k.parquet")) or "")


def test_waiting_is_oldest_first_and_leaves_refused_out(tmp_path: Path) -> None:
    late = stage(tmp_path, "a", {"name": NAMES})
    early = stage(tmp_path, "b/c", {"name": NAMES})
    os.utime(early, (1, 1))
    refused = tmp_path / "staged" / "refused" / late.name
    refused.parent.mkdir()
    refused.write_bytes(b"")
    assert waiting(tmp_path) == [early, late]
    assert waiting(tmp_path / "nowhere") == []


def test_a_killed_writer_leaves_a_temporary_file_that_is_found(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, pathlib; import warehouse.staged as staged\n"
        "from warehouse.relations import arrow_table\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "rows = [{'kind': 'model', 'id': 'm', 'name': 'a'}]\n"
        "staged.stage(pathlib.Path(sys.argv[1]), 'k', {'name': arrow_table('name', rows)})\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert waiting(tmp_path) == []
    assert len(abandoned(tmp_path)) == 1
