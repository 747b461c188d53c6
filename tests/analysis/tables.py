"""Many small warehouses in one: simulated slopes, item by item, as straight lines through 0.

`fill(connection, columns)` takes one array per column, a row per slope:
model, concept, variant (evaluated), fit_concept, fit_variant, question, item, slope and, if wanted,
baseline, method, role (fitted or null). Ids are these words; the vectors have one layer, 0.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

DEFAULTS: dict[str, Any] = {
    "model": "m",
    "concept": "c",
    "variant": "base",
    "fit_variant": "base",
    "question": 0,
    "item": 0,
    "baseline": 0.0,
    "method": "mean_difference",
}

STATEMENTS = """
insert into model by name
    select distinct model as model_id, model as source, 'float32' as dtype, 64 as d_model from given;
insert into dataset by name
    select distinct concept as dataset_id, 'choice' as kind, 'letter' as answer_format,
        1 as n_items, 1 as n_questions
    from (select concept from given union select fit_concept from given);
create temp table asked_variant as
    select distinct concept, variant
    from (select concept, variant from given union select fit_concept, fit_variant from given);
insert into variant select concept || '/' || variant, concept from asked_variant;
insert into name
    select distinct 'model', model, model from given union all
    select distinct 'concept', dataset_id, dataset_id from dataset union all
    select 'variant', concept || '/' || variant, variant from asked_variant union all
    select distinct 'method', vector_id, method from given;
insert into item by name
    select distinct concept || '/' || question || '/' || item as item_id,
        concept || '/' || question as question_id, 'Is it?' as question,
        ['yes', 'no'] as options, ['A', 'B'] as symbols, 0 as positive_option,
        'original' as option_order
    from given;
insert into dataset_item by name
    select row_number() over () as row, item_id, split_part(item_id, '/', 1) as dataset_id,
        'test' as split
    from item;
insert into vector by name
    select distinct vector_id, model as model_id, method, '{}' as parameters, 'raw' as norm,
        if(method in ('random', 'label_shuffled'), 'null', 'fitted') as role,
        if(method in ('random', 'label_shuffled'),
            concat_ws('|', model, fit_concept, fit_variant, 'mean_difference', ''), null)
            as parent_vector_id
    from given;
insert into vector_fit by name
    select distinct vector_id, fit_concept as dataset_id, 'train' as split,
        fit_concept || '/' || fit_variant as variant_id, '0' as items_sha256, 1 as n_items,
        1 as n_questions
    from given;
insert into vector_layer by name
    select vector_id, 0 as layer, 1.0 as length, 1.0 as raw_length, 1.0 as factor,
        false as degenerate
    from vector;
insert into evaluation by name
    select distinct model || '|' || concept || '/' || variant as evaluation_id,
        model as model_id, concept as dataset_id, concept || '/' || variant as variant_id,
        'decision' as score, '{}' as parameters
    from given;
insert into baseline by name
    select model || '|' || concept || '/' || variant as evaluation_id,
        concept || '/' || question || '/' || item as item_id,
        any_value(baseline) as logit_diff, -0.1 as answer_logmass
    from given group by all;
insert into run by name
    select distinct run_id, model || '|' || concept || '/' || variant as evaluation_id, vector_id,
        'add' as operator, '{}' as parameters, 'answer' as scope, true as identity_at_zero,
        true as graded
    from given;
insert into measurement by name
    select run_id, concept || '/' || question || '/' || item as item_id, 0 as layer, multiplier,
        baseline + slope * multiplier as logit_diff, -0.1 as answer_logmass
    from given cross join (values (-1.0), (1.0)) as grid(multiplier);
"""


def fill(connection: duckdb.DuckDBPyConnection, **columns: Any) -> None:
    """Write a run for every (model, concept, variant, fit_concept, fit_variant, method, number)."""
    n = len(columns["slope"])
    columns.setdefault("fit_concept", columns.get("concept", "c"))
    columns.setdefault("number", "")
    whole = {
        name: values if np.ndim(values) else np.full(n, values)
        for name, values in {**DEFAULTS, **columns}.items()
    }
    given = pa.table({name: pa.array(list(values)) for name, values in whole.items()})  # noqa: F841
    connection.execute(
        "create or replace temp table given as select *,"
        " concat_ws('|', model, fit_concept, fit_variant, method, number) as vector_id,"
        " vector_id || '>' || concept || '/' || variant as run_id from given"
    )
    connection.execute(STATEMENTS)
    connection.execute("drop table asked_variant; drop table given")


def words(prefix: str, numbers: np.ndarray) -> np.ndarray:
    """Return names such as c0, c1, ..., one for each number."""
    return np.char.add(prefix, np.asarray(numbers).astype(str))
