-- Rows that point to nothing, per relation and reference.
select 'measurement without its run' as fault, count(*) as n
from measurement
anti join run using (run_id)
union all
select 'measurement without its item', count(*)
from measurement
anti join item using (item_id)
union all
select 'damage without its run', count(*)
from damage
anti join run using (run_id)
union all
select 'damage without its text', count(*)
from damage
anti join text using (text_id)
union all
select 'cell without its run', count(*)
from cell
anti join run using (run_id)
union all
select 'run without its evaluation', count(*)
from run
anti join evaluation using (evaluation_id)
union all
select 'run without its vector', count(*)
from run
anti join vector using (vector_id)
union all
select 'baseline without its evaluation', count(*)
from baseline
anti join evaluation using (evaluation_id)
union all
select 'evaluation without its model', count(*)
from evaluation
anti join model using (model_id)
union all
select 'evaluation without its dataset', count(*)
from evaluation
anti join dataset using (dataset_id)
where evaluation.dataset_id is not null
union all
select 'evaluation without its text set', count(*)
from evaluation
anti join text_set using (text_set_id)
where evaluation.text_set_id is not null
union all
select 'text set row without its text', count(*)
from text_set_text
anti join text using (text_id)
union all
select 'dataset row without its item', count(*)
from dataset_item
anti join item using (item_id)
union all
select 'dataset row without its text', count(*)
from dataset_text
anti join text using (text_id)
union all
select 'rollout without its evaluation', count(*)
from rollout
anti join evaluation using (evaluation_id)
union all
select 'rollout without its run', count(*)
from rollout
anti join run using (run_id)
where rollout.run_id is not null
union all
select 'rollout without its prompt', count(*)
from rollout
anti join prompt using (prompt_id)
union all
select 'evaluation without its prompt set', count(*)
from evaluation
anti join prompt_set using (prompt_set_id)
where evaluation.prompt_set_id is not null
union all
select 'prompt set row without its prompt', count(*)
from prompt_set_prompt
anti join prompt using (prompt_id)
union all
select 'feature effect without its run', count(*)
from feature_effect
anti join run using (run_id)
union all
select 'vector feature without its vector', count(*)
from vector_feature
anti join vector using (vector_id)
union all
select 'vector feature without its SAE', count(*)
from vector_feature
anti join sae using (sae_id)
union all
select 'SAE check without its SAE', count(*)
from sae_check
anti join sae using (sae_id)
union all
select 'SAE check without its text set', count(*)
from sae_check
anti join text_set using (text_set_id)
union all
select 'feature effect without its SAE', count(*)
from feature_effect
anti join sae using (sae_id)
union all
select 'rise multiplier without its vector', count(*)
from rise_multiplier
anti join vector using (vector_id)
union all
select 'rise multiplier without its evaluation', count(*)
from rise_multiplier
anti join evaluation using (evaluation_id)
union all
select 'score without its rollout', count(*)
from score
anti join rollout using (rollout_id)
union all
select 'score without its scorer', count(*)
from score
anti join scorer using (scorer_id)
union all
select 'scored concept without its scorer', count(*)
from scorer_concept
anti join scorer using (scorer_id)
union all
select 'scored concept without its dataset', count(*)
from scorer_concept
anti join dataset using (dataset_id)
union all
select 'approximator without its model', count(*)
from approximator
anti join model using (model_id)
union all
select 'approximator without its SAE', count(*)
from approximator
anti join sae using (sae_id)
union all
select 'approximator feature without its approximator', count(*)
from approximator_feature
anti join approximator using (approximator_id)
union all
select 'feature cause without its approximator', count(*)
from feature_cause
anti join approximator using (approximator_id)
union all
select 'feature neighbour without its SAE', count(*)
from feature_neighbour
anti join sae using (sae_id);
