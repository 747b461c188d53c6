-- For each experiment (of names or globs $experiments, null for all) and model and concept: measurements asked, there, refused
-- and missing.
select
    c.experiment,
    c.model,
    c.concept,
    count(distinct c.run_id) as runs,
    sum(c.n_asked) as asked,
    sum(c.n_measured) as measured,
    sum(c.n_refused) as refused,
    sum(c.n_missing) as missing
from coverage as c
where is_asked(c.experiment, $experiments::varchar[])
group by all
order by all;
