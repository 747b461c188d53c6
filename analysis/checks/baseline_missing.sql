-- question: Was any steered item measured without its unsteered answer?
-- grain: evaluation, item
-- source: the warehouse: unsteered lives in baseline
-- columns:
--   evaluation_id  the evaluation
--   item_id        the item
--   n_runs         runs that measured it

with
measured as (
    select distinct run_id, item_id
    from measurement
)

select
    run.evaluation_id,
    measured.item_id,
    count(*) as n_runs
from measured
inner join run using (run_id)
anti join baseline
    on baseline.evaluation_id = run.evaluation_id and baseline.item_id = measured.item_id
group by run.evaluation_id, measured.item_id
order by run.evaluation_id, measured.item_id
