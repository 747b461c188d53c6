-- The name by which analyses show an id: the alphabetically first of its names (the one that was
-- asked for is preferred to it) and a suffix. Where an edited concept, variant or model left several
-- ids under one name, the newest has none and the older ones have `@1`, `@2`, ... from the oldest on.
-- Newest is what an experiment still asks for, and of those what was measured last.
create view shown_name as
with first_name as (
    select kind, id, min(name) as name
    from name
    group by kind, id
),

shared as (
    select name.kind, name.id
    from first_name as name
    left join variant on name.kind = 'variant' and variant.variant_id = name.id
    where name.kind in ('model', 'concept', 'variant', 'text_set', 'prompt_set')
    -- a variant has an id for every dataset
    qualify count(*) over (partition by name.kind, name.name, variant.dataset_id) > 1
),

evaluated as (
    select
        evaluation.model_id,
        evaluation.dataset_id,
        evaluation.variant_id,
        evaluation.text_set_id,
        evaluation.prompt_set_id,
        bool_or(run.run_id in (select run_id from experiment_run)) as asked,
        max(execution.started_at) as measured_at
    from evaluation
    inner join run using (evaluation_id)
    left join cell using (run_id)
    left join execution using (execution_id)
    where
        evaluation.model_id in (select id from shared)
        or evaluation.dataset_id in (select id from shared)
        or evaluation.variant_id in (select id from shared)
        or evaluation.text_set_id in (select id from shared)
        or evaluation.prompt_set_id in (select id from shared)
    group by all
),

used as (
    select 'model' as kind, model_id as id, asked, measured_at from evaluated
    union all
    select 'concept' as kind, dataset_id as id, asked, measured_at from evaluated
    union all
    select 'variant' as kind, variant_id as id, asked, measured_at from evaluated
    union all
    select 'text_set' as kind, text_set_id as id, asked, measured_at from evaluated
    union all
    select 'prompt_set' as kind, prompt_set_id as id, asked, measured_at from evaluated
),

last_used as (
    select kind, id, bool_or(asked) as asked, max(measured_at) as measured_at
    from used
    inner join shared using (kind, id)
    group by kind, id
),

numbered as (
    select
        first_name.kind,
        first_name.id,
        first_name.name,
        count(*) over same_name as n_versions,
        row_number() over (
            same_name
            order by
                coalesce(last_used.asked, false), last_used.measured_at nulls first, first_name.id
        ) as version
    from first_name
    inner join shared using (kind, id)
    left join last_used using (kind, id)
    left join variant on first_name.kind = 'variant' and variant.variant_id = first_name.id
    window same_name as (partition by first_name.kind, first_name.name, variant.dataset_id)
)

select
    first_name.kind,
    first_name.id,
    first_name.name,
    if(numbered.version < numbered.n_versions, '@' || numbered.version, '') as suffix
from first_name
left join numbered using (kind, id);
