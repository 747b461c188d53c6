-- For each experiment (of names or globs $experiments, null for all) and model and concept: measurements asked, there, refused
-- and missing.
select
    c.experiment,
    c.model,
    coalesce(
        c.concept, 'damage on ' || text_set.name, 'rollouts on ' || prompt_set.name
    ) as concept,
    count(distinct c.run_id) as runs,
    sum(c.n_asked) as asked,
    sum(c.n_measured) as measured,
    sum(c.n_refused) as refused,
    sum(c.n_missing) as missing
from coverage as c
left join evaluation using (evaluation_id)
left join shown_name as text_set
    on text_set.kind = 'text_set' and text_set.id = evaluation.text_set_id
left join shown_name as prompt_set
    on prompt_set.kind = 'prompt_set' and prompt_set.id = evaluation.prompt_set_id
where is_asked(c.experiment, $experiments::varchar[])
group by all
order by all;
