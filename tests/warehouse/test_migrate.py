from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import definitions, migrate
from warehouse.connect import connect
from warehouse.faults import WarehouseRefused
from warehouse.file import attach, path
from warehouse.migrate import Script, version


def _one_more(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """Pretend that the code has one more migration."""
    scripts = (*migrate.scripts(), Script(migrate.VERSION + 1, "0099_more.sql", sql))
    monkeypatch.setattr(migrate, "scripts", lambda: scripts)
    monkeypatch.setattr(migrate, "VERSION", migrate.VERSION + 1)


def test_a_new_warehouse_has_schema_and_views(tmp_path: Path) -> None:
    assert migrate.migrate(tmp_path) == [*(script.name for script in migrate.scripts()), "views"]
    with connect(tmp_path) as connection:
        assert version(connection) == migrate.VERSION == len(migrate.scripts())
        assert connection.execute("select count(*) from concept_card").fetchall() == [(0,)]


def test_migrating_twice_changes_nothing_but_the_views(simple: Any) -> None:
    simple.ingest()
    before = simple.contents()
    assert migrate.migrate(simple.home) == ["views"]
    assert simple.contents() == before
    assert simple.rows("select count(*) from schema_migration") == [(migrate.VERSION,)]
    assert simple.rows("select count(*) from schema_definition") == [(1,)]


def test_older_clients_can_read_the_file(simple: Any) -> None:
    simple.ingest()
    simple.lines("r", 4, {"i1": 1.0})
    simple.ingest()
    with duckdb.connect(str(path(simple.home)), read_only=True) as connection:
        ((tags,),) = connection.execute(
            "select tags from duckdb_databases() where database_name = 'warehouse'"
        ).fetchall()
        assert tags["storage_version"].startswith("v1.4.0")
        assert connection.execute("select count(*) from item_slope").fetchall() == [(3,)]


def test_views_work_under_any_name_of_the_file(simple: Any) -> None:
    simple.ingest()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path(simple.home)}' as somewhere (read_only)")
        for name in definitions.view_names():
            connection.execute(f"from somewhere.{name}").fetchall()


def test_an_older_schema_is_named_and_migrated(
    simple: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple.ingest()
    _one_more(monkeypatch, "alter table run add column note varchar;")
    with pytest.raises(
        WarehouseRefused,
        match=rf"has schema version {migrate.VERSION - 1}.*`steerhouse warehouse mig",
    ):
        connect(simple.home)
    assert migrate.migrate(simple.home) == ["0099_more.sql", "views"]
    assert simple.rows("select run_id, note from run") == [("r", None)]


def test_an_ingest_migrates_by_itself(simple: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    simple.ingest()
    simple.lines("r", 4, {"i1": 1.0})
    simple.stage()
    _one_more(monkeypatch, "alter table run add column note varchar;")
    simple.ingest()
    assert simple.rows("select run_id, note from run") == [("r", None)]
    assert simple.rows("select count(*) from measurement") == [(18,)]


def test_a_migration_that_fails_leaves_everything(
    simple: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple.ingest()
    before = simple.contents()
    with monkeypatch.context() as patch:
        _one_more(patch, "create table more (a integer); alter table nowhere add column b integer;")
        with pytest.raises(duckdb.CatalogException):
            migrate.migrate(simple.home)
    assert simple.contents() == before
    assert not path(simple.home).with_name("warehouse.duckdb.next").exists()


def test_a_newer_schema_is_refused_by_all(simple: Any) -> None:
    simple.ingest()
    with attach(path(simple.home), read_only=False) as connection:
        newest = len(migrate.scripts()) + 1
        connection.execute(
            "insert into schema_migration values (?, 'x.sql', now()::timestamp)", [newest]
        )
    simple.lines("r", 4, {"i1": 1.0})
    simple.stage()
    for act in (connect, migrate.migrate, lambda home: simple.ingest()):
        with pytest.raises(
            WarehouseRefused, match=rf"version {newest}.*up to \d+; upgrade steerhouse"
        ):
            act(simple.home)
    assert len(list((simple.home / "staged").rglob("*.parquet"))) == 1


def test_views_of_other_code_are_made_anew_by_the_next_ingest(
    simple: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        extra = ("views/old.sql", "create view old as select 1 as one;")
        sources = (*definitions.sources(), extra)
        patch.setattr(definitions, "sources", lambda: sources)
        patch.setattr(definitions, "fingerprint", lambda: "another")
        simple.ingest()
        assert simple.rows("from old") == [(1,)]
    with pytest.raises(WarehouseRefused, match="views of another steerhouse; run `steerhouse"):
        connect(simple.home)
    simple.lines("r", 4, {"i1": 1.0})
    simple.ingest()
    views = simple.rows("select view_name from duckdb_views() where database_name = 'warehouse'")
    assert {name for (name,) in views} == set(definitions.view_names())


def test_a_macro_file_comes_after_those_it_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    macros = {
        "macros/a.sql": "create or replace macro twice(x) as double_of(x);",
        "macros/b.sql": "create macro double_of(x) as 2 * x;",
    }
    assert list(definitions._order(macros)) == ["macros/b.sql", "macros/a.sql"]


def test_bring_up_migrates_only_what_is_older(tmp_path: Path) -> None:
    assert migrate.bring_up(tmp_path) == []
    migrate.migrate(tmp_path)
    assert migrate.bring_up(tmp_path) == []
    with attach(path(tmp_path), read_only=False) as connection:
        connection.execute("update schema_definition set sha256 = 'of another steerhouse'")
    assert migrate.bring_up(tmp_path) == ["views"]
    assert migrate.bring_up(tmp_path) == []


def test_vectors_of_the_first_schema_keep_their_geometry(tmp_path: Path) -> None:
    first = migrate.scripts()[0]
    with attach(path(tmp_path), read_only=False) as connection:
        connection.execute(first.sql)
        connection.execute(
            "insert into schema_migration values (1, '0001_relations.sql', now()::timestamp)"
        )
        connection.execute(
            "insert into vector_layer values ('v', 3, 2, 1, 2, 9, false, .1, .2, .3, .4, .5, 6)"
        )
    assert "0003_vector_stability.sql" in migrate.migrate(tmp_path)
    with connect(tmp_path) as connection:
        found = connection.execute(
            "select length, effective_rank, split_half_cosine, noise_length from vector_layer"
        )
        assert found.fetchall() == [(2, 6, None, None)]
