-- question: Does any run, evaluation, vector, dataset or plan name something that is not there?
-- grain: relation, id
-- source: the relations of the warehouse (warehouse/migrations), which have no foreign keys
-- columns:
--   relation  where the name stands
--   id        the id of the row that names it
--   lacking   the relation in which it is not there
--   lacked    the id that is not there

with
named as (
    select 'run' as relation, run_id as id, 'vector' as lacking, vector_id as lacked
    from run
    anti join vector using (vector_id)
    union all
    select 'run', run_id, 'evaluation', evaluation_id
    from run
    anti join evaluation using (evaluation_id)
    union all
    select 'evaluation', evaluation_id, 'model', model_id
    from evaluation
    anti join model using (model_id)
    union all
    select 'evaluation', evaluation_id, 'dataset', dataset_id
    from evaluation
    anti join dataset using (dataset_id)
    where dataset_id is not null
    union all
    select 'evaluation', evaluation_id, 'variant', variant_id
    from evaluation
    anti join variant using (variant_id)
    where variant_id is not null
    union all
    select 'evaluation', evaluation_id, 'text_set', text_set_id
    from evaluation
    anti join text_set using (text_set_id)
    where text_set_id is not null
    union all
    select distinct 'text_set_text', text_set_text.text_set_id, 'text', text_set_text.text_id
    from text_set_text
    anti join text using (text_id)
    union all
    select distinct 'damage', damage.run_id, 'run', damage.run_id
    from damage
    anti join run using (run_id)
    union all
    select distinct 'damage', damage.run_id, 'text', damage.text_id
    from damage
    anti join text using (text_id)
    union all
    select 'variant', variant_id, 'dataset', dataset_id
    from variant
    anti join dataset using (dataset_id)
    union all
    select distinct 'dataset_item', dataset_item.dataset_id, 'item', dataset_item.item_id
    from dataset_item
    anti join item using (item_id)
    union all
    select distinct 'dataset_item', dataset_id, 'dataset', dataset_id
    from dataset_item
    anti join dataset using (dataset_id)
    union all
    select 'vector', vector_id, 'model', model_id
    from vector
    anti join model using (model_id)
    union all
    select 'vector_fit', vector_id, 'vector', vector_id
    from vector_fit
    anti join vector using (vector_id)
    union all
    select 'vector_fit', vector_id, 'dataset', dataset_id
    from vector_fit
    anti join dataset using (dataset_id)
    union all
    select 'vector_layer', vector_id, 'vector', vector_id
    from vector_layer
    anti join vector using (vector_id)
    union all
    select distinct 'baseline', evaluation_id, 'evaluation', evaluation_id
    from baseline
    anti join evaluation using (evaluation_id)
    union all
    select distinct 'cell', run_id, 'run', run_id
    from cell
    anti join run using (run_id)
    union all
    select distinct 'cell', run_id, 'execution', execution_id
    from cell
    anti join execution using (execution_id)
    union all
    select distinct 'verification', run_id, 'execution', execution_id
    from verification
    anti join execution using (execution_id)
    union all
    select distinct 'refused', evaluation_id, 'evaluation', evaluation_id
    from refused
    anti join evaluation using (evaluation_id)
    union all
    select distinct 'experiment_run', experiment, 'run', run_id
    from experiment_run
    anti join run using (run_id)
    union all
    select distinct 'planted', dataset_id, 'dataset', dataset_id
    from planted
    anti join dataset using (dataset_id)
)

select relation, id, lacking, lacked
from named
order by relation, id, lacking, lacked
