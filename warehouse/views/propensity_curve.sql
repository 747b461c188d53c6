-- The propensity curve of a run: the logit difference over items as a function of the multiplier.
create view propensity_curve as
with summary as (
    select
        run_id,
        split,
        layer,
        multiplier,
        count(*) as n_items,
        count(distinct question_id) as n_questions,
        avg(logit_diff::double) as mean_logit_diff,
        stddev_samp(logit_diff::double) as sd_logit_diff,
        quantile_cont(logit_diff::double, 0.1) as p10_logit_diff,
        quantile_cont(logit_diff::double, 0.5) as median_logit_diff,
        quantile_cont(logit_diff::double, 0.9) as p90_logit_diff,
        avg(effect) as mean_effect,
        avg(positive_prob) as mean_positive_prob,
        avg(chose_positive::integer) as positive_fraction,
        avg(answer_logmass::double) as mean_answer_logmass
    from sweep
    group by run_id, split, layer, multiplier
)

select
    run_label.*,
    summary.* exclude (run_id)
from summary
inner join run_label using (run_id);
