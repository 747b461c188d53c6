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
    select 'evaluation', evaluation_id, 'prompt_set', prompt_set_id
    from evaluation
    anti join prompt_set using (prompt_set_id)
    where prompt_set_id is not null
    union all
    select distinct
        'prompt_set_prompt', prompt_set_prompt.prompt_set_id, 'prompt', prompt_set_prompt.prompt_id
    from prompt_set_prompt
    anti join prompt using (prompt_id)
    union all
    select distinct 'rollout', rollout.evaluation_id, 'evaluation', rollout.evaluation_id
    from rollout
    anti join evaluation using (evaluation_id)
    union all
    select distinct 'rollout', rollout.run_id, 'run', rollout.run_id
    from rollout
    anti join run using (run_id)
    where rollout.run_id is not null
    union all
    select distinct 'rollout', rollout.rollout_id, 'prompt', rollout.prompt_id
    from rollout
    anti join prompt using (prompt_id)
    union all
    select distinct 'feature_effect', feature_effect.run_id, 'run', feature_effect.run_id
    from feature_effect
    anti join run using (run_id)
    union all
    select 'rise_multiplier', vector_id, 'vector', vector_id
    from rise_multiplier
    anti join vector using (vector_id)
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
    select distinct 'dataset_text', dataset_text.dataset_id, 'text', dataset_text.text_id
    from dataset_text
    anti join text using (text_id)
    union all
    select distinct 'dataset_text', dataset_id, 'dataset', dataset_id
    from dataset_text
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
    select distinct 'vector_feature', vector_id, 'vector', vector_id
    from vector_feature
    anti join vector using (vector_id)
    union all
    select distinct 'vector_feature', vector_id, 'sae', sae_id
    from vector_feature
    anti join sae using (sae_id)
    union all
    select distinct 'sae_check', sae_id, 'sae', sae_id
    from sae_check
    anti join sae using (sae_id)
    union all
    select distinct 'sae_check', sae_id, 'model', model_id
    from sae_check
    anti join model using (model_id)
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
    select 'approximator', approximator_id, 'model', model_id
    from approximator
    anti join model using (model_id)
    union all
    select 'approximator', approximator_id, 'sae', sae_id
    from approximator
    anti join sae using (sae_id)
    union all
    select distinct
        'approximator_feature', approximator_id, 'approximator', approximator_id
    from approximator_feature
    anti join approximator using (approximator_id)
    union all
    select distinct 'feature_cause', approximator_id, 'approximator', approximator_id
    from feature_cause
    anti join approximator using (approximator_id)
    union all
    select distinct 'feature_neighbour', sae_id, 'sae', sae_id
    from feature_neighbour
    anti join sae using (sae_id)
    union all
    select distinct 'refused', evaluation_id, 'evaluation', evaluation_id
    from refused
    anti join evaluation using (evaluation_id)
    union all
    select distinct 'experiment_run', experiment, 'run', run_id
    from experiment_run
    anti join run using (run_id)
    union all
    select 'score', score.rollout_id, 'rollout', score.rollout_id
    from score
    anti join rollout using (rollout_id)
    union all
    select distinct 'score', score.scorer_id, 'scorer', score.scorer_id
    from score
    anti join scorer using (scorer_id)
    union all
    select distinct 'score', score.scorer_id, 'execution', score.execution_id
    from score
    anti join execution using (execution_id)
    where score.execution_id is not null
    union all
    select 'scorer_concept', scorer_concept.scorer_id, 'scorer', scorer_concept.scorer_id
    from scorer_concept
    anti join scorer using (scorer_id)
    union all
    select 'scorer_concept', scorer_concept.scorer_id, 'dataset', scorer_concept.dataset_id
    from scorer_concept
    anti join dataset using (dataset_id)
    union all
    select distinct 'planted', dataset_id, 'dataset', dataset_id
    from planted
    anti join dataset using (dataset_id)
)

select relation, id, lacking, lacked
from named
order by relation, id, lacking, lacked
