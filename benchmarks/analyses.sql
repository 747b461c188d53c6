-- A made-up warehouse of the structure of real ones, written by the database itself. Variables:
-- concepts and models (names). Per model and concept: two methods fitted on base and swept over all
-- layers on validation and test; at the layer chosen, on test, one method fitted on four more
-- variants, all of it under five variants, 20 random and 20 label-shuffled nulls, 20 resamples, and
-- each vector on the next concept. Both option orders, six multipliers.

create temp macro hashed(key) as substr(md5(key), 1, 16);
create temp macro uniform(key) as (hash(key) % 1000003) / 1000003.0;
-- Nearly normal, mean 0 and variance 1: three uniform draws added.
create temp macro bell(key) as
    2 * (uniform(key || '1') + uniform(key || '2') + uniform(key || '3') - 1.5);

create temp table made_model as
select unnest(getvariable('models')) as model, generate_subscripts(getvariable('models'), 1) as n;
create temp table made_concept as
select
    unnest(getvariable('concepts')) as concept,
    generate_subscripts(getvariable('concepts'), 1) as n;
create temp table made_variant as
select unnest(['base', 'system_negative', 'system_positive', 'user_negative', 'user_positive']) as variant;

create temp table made_item as
select
    concept,
    question,
    swapped,
    case when question < 10 then 'train' when question < 20 then 'validation' else 'test' end as split,
    hashed(concept || 'q' || question) as question_id,
    hashed(concept || 'i' || question || swapped) as item_id,
    (question + swapped) % 2 as positive_option,
    if(question // 2 % 2 = 0, 'Yes', 'No') as positive_answer,
    1.2 * uniform(concept || 'steers') - 0.1
    + (0.3 + 0.9 * uniform(concept || 'spread')) * bell(concept || question)
    + 0.5 * uniform(concept || 'letter') * if(positive_option = 0, 1, -1)
    + 0.3 * uniform(concept || 'yes') * if(positive_answer = 'Yes', 1, -1) as slope
from made_concept, range(70) as questions (question), range(2) as orders (swapped);

insert into model by name
select
    hashed(model) as model_id, model as source, 'float32' as dtype, 12 as n_layers, 64 as d_model
from made_model;
insert into dataset by name
select
    hashed(concept) as dataset_id,
    'choice' as kind,
    'letter' as answer_format,
    'grouped' as split_by,
    140 as n_items,
    70 as n_questions,
    0 as n_duplicate_rows,
    (n * 7 % 20)::integer as n_leaked_questions,
    (n * 11 % 60)::integer as n_low_confidence
from made_concept;
insert into item by name
select
    item_id,
    question_id,
    'Question ' || question || ' of ' || concept || '?' as question,
    if(positive_option = 0, ['It does', 'It does not'], ['It does not', 'It does']) as options,
    ['A', 'B'] as symbols,
    positive_option,
    if(swapped = 1, 'swapped', 'original') as option_order,
    positive_answer
from made_item;
insert into dataset_item by name
select
    hashed(concept) as dataset_id,
    row_number() over (partition by concept order by question, swapped) - 1 as row,
    item_id,
    split,
    question + 1 as source_row,
    0.6 + 0.4 * uniform(concept || 'confidence' || question) as label_confidence
from made_item;
insert into variant by name
select hashed(concept || variant) as variant_id, hashed(concept) as dataset_id
from made_concept, made_variant;
insert into name by name
select 'model' as kind, hashed(model) as id, model as name from made_model
union all
select 'concept', hashed(concept), concept from made_concept
union all
select 'variant', hashed(concept || variant), variant from made_concept, made_variant;

-- Vectors ------------------------------------------------------------------------------------------
create temp table made_kind as
select 'mean_difference' as method, variant as fit_variant, 'fitted' as role, null::integer as copy
from made_variant
union all
select 'pca', 'base', 'fitted', null
union all
select method, 'base', 'null', copy
from unnest(['random', 'label_shuffled']) as methods (method), range(20) as copies (copy)
union all
select 'mean_difference', 'base', 'resample', copy
from range(20) as copies (copy);

create temp table made_vector as
select
    model,
    made_concept.n as n,
    concept,
    made_kind.*,
    hashed(model || concept || method || fit_variant || role || coalesce(copy, -1)) as vector_id,
    if(role = 'fitted', null, hashed(model || concept || 'mean_differencebasefitted-1'))
        as parent_vector_id
from made_model, made_concept, made_kind;
insert into vector by name
select
    vector_id,
    hashed(model) as model_id,
    method,
    '{"read":"answer_token"}' as parameters,
    if(role = 'null', copy, null) as seed,
    if(role = 'resample', copy, null) as resample,
    'base' as norm,
    parent_vector_id,
    role
from made_vector;
insert into name by name
select 'method' as kind, vector_id as id, method as name from made_vector;
insert into vector_fit by name
select
    vector_id,
    hashed(concept) as dataset_id,
    'train' as split,
    hashed(concept || fit_variant) as variant_id,
    '0' as items_sha256,
    20 as n_items,
    10 as n_questions
from made_vector;
insert into vector_layer by name
select
    vector_id,
    layer,
    1.0 as length,
    1.0 as raw_length,
    1.0 as factor,
    10.0 as residual_norm,
    layer = 0 as degenerate,
    uniform(concept || 'steers') as mean_cosine,
    uniform(concept || 'steers') ** 2 as mean_pairwise_cosine,
    4 * uniform(concept || 'd' || layer) as d_prime,
    0.5 + uniform(concept || 'd' || layer) / 2 as auroc,
    1 - uniform(concept || 'd' || layer) as overlap,
    1 + 9 * uniform(concept || layer) as effective_rank,
    uniform(concept || 'steers') as split_half_cosine,
    0.05 as split_half_sd,
    0.3 as noise_length
from made_vector, range(12) as layers (layer)
where role = 'fitted' or layer = 6;
insert into vector_direction by name
select
    vector_id,
    layer,
    list_transform(range(64), lambda d: bell(concept || layer || d) + 0.5 * bell(vector_id || d))::float[] as direction
from made_vector, range(12) as layers (layer)
where role = 'fitted' or layer = 6;

-- Evaluations and runs -----------------------------------------------------------------------------
create temp table made_evaluation as
select model, concept, variant, hashed(model || concept || variant || 'e') as evaluation_id
from made_model, made_concept, made_variant;
insert into evaluation by name
select
    evaluation_id,
    hashed(model) as model_id,
    hashed(concept) as dataset_id,
    hashed(concept || variant) as variant_id,
    'decision' as score,
    '{}' as parameters
from made_evaluation;
insert into baseline by name
select
    evaluation_id,
    item_id,
    bell(evaluation_id || item_id) + 0.3 as logit_diff,
    -0.25 - 0.2 * uniform(item_id) as answer_logmass,
    -0.1 as prefix_logprob
from made_evaluation
inner join made_item using (concept)
where split <> 'train';

-- A fitted vector meets every variant of its concept, and its neighbour's base; the others base.
create temp table made_run as
select
    made_vector.* exclude (concept),
    made_vector.concept as fit_concept,
    made_evaluation.concept,
    made_evaluation.variant,
    made_evaluation.evaluation_id,
    hashed(vector_id || made_evaluation.evaluation_id) as run_id,
    role = 'fitted' and fit_variant = 'base' and variant = 'base'
    and made_evaluation.concept = made_vector.concept as swept
from made_vector
inner join made_evaluation using (model)
inner join made_concept as target on target.concept = made_evaluation.concept
where
    (made_evaluation.concept = made_vector.concept and (role = 'fitted' or variant = 'base'))
    or (
        role = 'fitted' and fit_variant = 'base' and variant = 'base'
        and target.n = made_vector.n % len(getvariable('concepts')) + 1
    );
insert into run by name
select
    run_id,
    evaluation_id,
    vector_id,
    'add' as operator,
    '{}' as parameters,
    'answer' as scope,
    true as identity_at_zero,
    true as graded
from made_run;

create temp table made_cell as
select
    made_run.*,
    layer,
    split,
    multiplier,
    if(split = 'test', 100, 20) as n_items
from made_run, range(12) as layers (layer), unnest([-1.5, -1.0, -0.5, 0.5, 1.0, 1.5]) as grid (multiplier),
    unnest(['validation', 'test']) as splits (split)
where swept or (layer = 6 and split = 'test');

-- What is steered: a vector's own strength, an item's own slope, a curve that saturates.
insert into measurement by name
select
    made_cell.run_id,
    made_item.item_id,
    made_cell.layer,
    made_cell.multiplier,
    baseline.logit_diff
    + made_cell.multiplier * (1 - 0.03 * abs(made_cell.multiplier))
    * exp(-((made_cell.layer - 6) / 3.0) ** 2)
    * case made_cell.role
        when 'null' then 0.3 * bell(made_cell.run_id || made_item.question_id) + 0.2 * bell(made_cell.run_id)
        when 'resample' then made_item.slope + 0.2 * bell(made_cell.run_id || made_item.question_id)
        else made_item.slope * (0.4 + 0.6 * uniform(made_cell.run_id))
        * if(made_cell.fit_concept = made_cell.concept, 1, 0.2)
    end
    + 0.02 * (uniform(made_cell.run_id || made_item.item_id) - 0.5) as logit_diff,
    -0.25 - 0.3 * abs(made_cell.multiplier) * uniform(made_item.item_id) as answer_logmass
from made_cell
inner join made_item on made_item.concept = made_cell.concept and made_item.split = made_cell.split
inner join baseline
    on baseline.evaluation_id = made_cell.evaluation_id and baseline.item_id = made_item.item_id;
insert into cell by name
select run_id, layer, multiplier, split, 0 as block, n_items, 'e' as execution_id
from made_cell;
insert into experiment_run by name
select 'made' as experiment, run_id, split, layer, multiplier, n_items as n_asked
from made_cell
union all
select distinct 'made', run_id, split, layer, 0, n_items
from made_cell;
insert into execution by name
select
    'e' as execution_id,
    'made' as command,
    '0' as code_version,
    '{}' as versions,
    timestamp '2026-01-01' as started_at;
insert into verification by name
select run_id, item_id, layer, multiplier, logit_diff, logit_diff + 1e-6 as reference, 1 as scale, 'e' as execution_id
from measurement
where run_id in (select run_id from made_run where swept)
order by hash(run_id || item_id)
limit 100;
