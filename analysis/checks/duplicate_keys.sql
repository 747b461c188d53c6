-- question: Does any relation other than measurement hold a row twice?
-- grain: relation, key
-- source: the grain of each relation, warehouse/relations.py (GRAIN)
-- columns:
--   relation  the relation
--   key       what its rows must not share, joined by ` / `
--   copies    rows that share it

with
repeated as (
    select 'model' as relation, model_id as key, count(*) as copies
    from model
    group by all
    having copies > 1
    union all
    select 'dataset' as relation, dataset_id as key, count(*) as copies
    from dataset
    group by all
    having copies > 1
    union all
    select 'variant' as relation, variant_id as key, count(*) as copies
    from variant
    group by all
    having copies > 1
    union all
    select 'item' as relation, item_id as key, count(*) as copies
    from item
    group by all
    having copies > 1
    union all
    select
        'dataset_item' as relation,
        concat_ws(' / ', dataset_id, "row") as key,
        count(*) as copies
    from dataset_item
    group by all
    having copies > 1
    union all
    select
        'name' as relation,
        concat_ws(' / ', kind, id, name) as key,
        count(*) as copies
    from name
    group by all
    having copies > 1
    union all
    select
        'planted' as relation,
        concat_ws(' / ', model_id, dataset_id, quantity, variant_id, layer) as key,
        count(*) as copies
    from planted
    group by all
    having copies > 1
    union all
    select 'vector' as relation, vector_id as key, count(*) as copies
    from vector
    group by all
    having copies > 1
    union all
    select
        'vector_fit' as relation,
        concat_ws(' / ', vector_id, dataset_id, split, variant_id) as key,
        count(*) as copies
    from vector_fit
    group by all
    having copies > 1
    union all
    select
        'vector_layer' as relation,
        concat_ws(' / ', vector_id, layer) as key,
        count(*) as copies
    from vector_layer
    group by all
    having copies > 1
    union all
    select
        'vector_direction' as relation,
        concat_ws(' / ', vector_id, layer) as key,
        count(*) as copies
    from vector_direction
    group by all
    having copies > 1
    union all
    select
        'vector_feature' as relation,
        concat_ws(' / ', vector_id, layer, feature) as key,
        count(*) as copies
    from vector_feature
    group by all
    having copies > 1
    union all
    select 'sae' as relation, sae_id as key, count(*) as copies
    from sae
    group by all
    having copies > 1
    union all
    select
        'sae_check' as relation,
        concat_ws(' / ', sae_id, model_id, layer, text_set_id) as key,
        count(*) as copies
    from sae_check
    group by all
    having copies > 1
    union all
    select 'evaluation' as relation, evaluation_id as key, count(*) as copies
    from evaluation
    group by all
    having copies > 1
    union all
    select
        'baseline' as relation,
        concat_ws(' / ', evaluation_id, item_id) as key,
        count(*) as copies
    from baseline
    group by all
    having copies > 1
    union all
    select
        'refused' as relation,
        concat_ws(' / ', evaluation_id, item_id) as key,
        count(*) as copies
    from refused
    group by all
    having copies > 1
    union all
    select 'run' as relation, run_id as key, count(*) as copies
    from run
    group by all
    having copies > 1
    union all
    select
        'cell' as relation,
        concat_ws(' / ', run_id, layer, multiplier, split, block) as key,
        count(*) as copies
    from cell
    group by all
    having copies > 1
    union all
    select
        'experiment_run' as relation,
        concat_ws(' / ', experiment, run_id, split, layer, multiplier) as key,
        count(*) as copies
    from experiment_run
    group by all
    having copies > 1
    union all
    select
        'verification' as relation,
        concat_ws(' / ', run_id, item_id, layer, multiplier) as key,
        count(*) as copies
    from verification
    group by all
    having copies > 1
    union all
    select 'text_set' as relation, text_set_id as key, count(*) as copies
    from text_set
    group by all
    having copies > 1
    union all
    select 'text' as relation, text_id as key, count(*) as copies
    from text
    group by all
    having copies > 1
    union all
    select
        'dataset_text' as relation,
        concat_ws(' / ', dataset_id, "row") as key,
        count(*) as copies
    from dataset_text
    group by all
    having copies > 1
    union all
    select
        'text_set_text' as relation,
        concat_ws(' / ', text_set_id, "row") as key,
        count(*) as copies
    from text_set_text
    group by all
    having copies > 1
    union all
    select
        'text_baseline' as relation,
        concat_ws(' / ', evaluation_id, text_id) as key,
        count(*) as copies
    from text_baseline
    group by all
    having copies > 1
    union all
    select
        'damage' as relation,
        concat_ws(' / ', run_id, layer, multiplier, text_id) as key,
        count(*) as copies
    from damage
    group by all
    having copies > 1
    union all
    select 'prompt_set' as relation, prompt_set_id as key, count(*) as copies
    from prompt_set
    group by all
    having copies > 1
    union all
    select 'prompt' as relation, prompt_id as key, count(*) as copies
    from prompt
    group by all
    having copies > 1
    union all
    select
        'prompt_set_prompt' as relation,
        concat_ws(' / ', prompt_set_id, "row") as key,
        count(*) as copies
    from prompt_set_prompt
    group by all
    having copies > 1
    union all
    select 'rollout' as relation, rollout_id as key, count(*) as copies
    from rollout
    group by all
    having copies > 1
    union all
    select
        'feature_effect' as relation,
        concat_ws(' / ', run_id, layer, multiplier, sae_id, stream, feature) as key,
        count(*) as copies
    from feature_effect
    group by all
    having copies > 1
    union all
    select
        'rise_multiplier' as relation,
        concat_ws(' / ', evaluation_id, vector_id, operator, layer, rule, target) as key,
        count(*) as copies
    from rise_multiplier
    group by all
    having copies > 1
    union all
    select 'approximator' as relation, approximator_id as key, count(*) as copies
    from approximator
    group by all
    having copies > 1
    union all
    select
        'approximator_feature' as relation,
        concat_ws(' / ', approximator_id, feature) as key,
        count(*) as copies
    from approximator_feature
    group by all
    having copies > 1
    union all
    select
        'feature_cause' as relation,
        concat_ws(' / ', approximator_id, feature, rank) as key,
        count(*) as copies
    from feature_cause
    group by all
    having copies > 1
    union all
    select
        'feature_neighbour' as relation,
        concat_ws(' / ', sae_id, feature, rank) as key,
        count(*) as copies
    from feature_neighbour
    group by all
    having copies > 1
    union all
    select 'scorer' as relation, scorer_id as key, count(*) as copies
    from scorer
    group by all
    having copies > 1
    union all
    select
        'scorer_concept' as relation,
        concat_ws(' / ', scorer_id, dataset_id) as key,
        count(*) as copies
    from scorer_concept
    group by all
    having copies > 1
    union all
    select
        'score' as relation,
        concat_ws(' / ', rollout_id, scorer_id) as key,
        count(*) as copies
    from score
    group by all
    having copies > 1
    union all
    select 'execution' as relation, execution_id as key, count(*) as copies
    from execution
    group by all
    having copies > 1
)

select relation, key, copies
from repeated
order by relation, key
