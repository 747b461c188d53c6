-- What the rows of `given` say of models, concepts, items, vectors and runs (tests/analysis/tables.py).
create or replace temp table slope as
with named as (
    select * replace (
        coalesce(fit_concept, concept) as fit_concept,
        coalesce(role, if(method in ('random', 'label_shuffled'), 'null', 'fitted')) as role
    )
    from given
)

select
    *,
    concat_ws('/', concept, variant, evaluation) as variant_id,
    fit_concept || '/' || fit_variant as fit_variant_id,
    concat_ws('|', model, variant_id) as evaluation_id,
    concat_ws('|', model, fit_concept, fit_variant, method, number) as vector_id,
    if(role = 'null', 'mean_difference', method) as parent_method,
    vector_id || '>' || variant_id as run_id,
    concept || '/' || question as question_id,
    question_id || '/' || item as item_id
from named;

create or replace temp table asked_item as
select distinct on (item_id)
    concept, question_id, item_id, positive_option, option_order, positive_answer,
    label_confidence, extra, in_train, answer_format
from slope;

create or replace temp table asked_vector as
select distinct
    vector_id, model, method, role, number, parent_method, fit_concept, fit_variant, fit_variant_id
from slope;

insert into model by name
select distinct model as model_id, model as source, 'float32' as dtype, 64 as d_model
from slope
where model not in (select model_id from model);

insert into name
select distinct 'model', model, model
from slope
where model not in (select id from name where kind = 'model');

insert into dataset by name
select
    concept as dataset_id, 'choice' as kind, any_value(answer_format) as answer_format,
    count(*) as n_items, count(distinct question_id) as n_questions
from asked_item
group by concept
union all
select distinct fit_concept, 'choice', 'letter', 1, 1
from asked_vector
where fit_concept not in (select concept from asked_item);

insert into name
select 'concept', dataset_id, dataset_id
from dataset
where dataset_id in (select concept from slope union select fit_concept from slope);

create or replace temp table asked_variant as
select distinct variant_id, concept, variant from slope
union
select distinct fit_variant_id, fit_concept, fit_variant from slope;

insert into variant select variant_id, concept from asked_variant;
insert into name select 'variant', variant_id, variant from asked_variant;

insert into item by name
select
    item_id, question_id, 'Question ' || question_id || '?' as question,
    if(positive_option = 0, [yes, 'It does not'], ['It does not', yes]) as options,
    ['A', 'B'] as symbols, positive_option, option_order, positive_answer
from (select *, 'It does' || repeat('!', extra) as yes from asked_item);

insert into dataset_item by name
select
    concept as dataset_id, row_number() over () as row, item_id, 'test' as split, label_confidence
from asked_item;

-- an item of its own stands for a question that is in train too
insert into item by name
select
    item_id || '/train' as item_id, question_id, '?' as question, ['x', 'z'] as options,
    ['A', 'B'] as symbols, 0 as positive_option, 'original' as option_order
from asked_item
where in_train;

insert into dataset_item by name
select
    concept as dataset_id, row_number() over () as row, item_id || '/train' as item_id,
    'train' as split
from asked_item
where in_train;

insert into vector by name
select
    vector_id, model as model_id, method, '{}' as parameters, 'base' as norm, role,
    if(role = 'resample', cast(number as int), null) as resample,
    if(role = 'fitted', null, concat_ws('|', model, fit_concept, fit_variant, parent_method, ''))
        as parent_vector_id
from asked_vector;

insert into name select 'method', vector_id, method from asked_vector;

insert into vector_fit by name
select
    vector_id, fit_concept as dataset_id, 'train' as split, fit_variant_id as variant_id,
    '0' as items_sha256, 1 as n_items, 1 as n_questions
from asked_vector;

insert into vector_layer by name
select distinct
    vector_id, layer, 1.0 as length, 1.0 as raw_length, 1.0 as factor, 10.0 as residual_norm,
    false as degenerate
from slope;

insert into evaluation by name
select distinct
    evaluation_id, model as model_id, concept as dataset_id, variant_id, 'decision' as score,
    '{}' as parameters
from slope;

insert into baseline by name
select distinct on (evaluation_id, item_id)
    evaluation_id, item_id, baseline as logit_diff, unsteered_logmass as answer_logmass,
    prompt_tokens
from slope;

insert into run by name
select distinct
    run_id, evaluation_id, vector_id, 'add' as operator, '{}' as parameters, 'answer' as scope,
    true as identity_at_zero, true as graded
from slope;

insert into measurement by name
select
    run_id, item_id, layer, multiplier, baseline + slope * multiplier as logit_diff,
    logmass as answer_logmass
from slope
cross join grid;

drop table slope;
drop table asked_item;
drop table asked_vector;
drop table asked_variant;
