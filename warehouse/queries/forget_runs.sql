-- Takes out the runs in the temporary table `forgotten`, and of their evaluations and vectors those
-- that no run needs any more. What was asked (models, datasets, items) stays, and so does the diary
-- of executions.
delete from measurement where run_id in (select run_id from forgotten);
delete from damage where run_id in (select run_id from forgotten);
delete from score
where rollout_id in (select rollout_id from rollout where run_id in (select run_id from forgotten));
delete from rollout where run_id in (select run_id from forgotten);
delete from feature_effect where run_id in (select run_id from forgotten);
delete from cell where run_id in (select run_id from forgotten);
delete from verification where run_id in (select run_id from forgotten);
delete from experiment_run where run_id in (select run_id from forgotten);

create or replace temp table candidate as
select run.evaluation_id, run.vector_id
from run
inner join forgotten using (run_id);

delete from run where run_id in (select run_id from forgotten);

create or replace temp table lost_evaluation as
select distinct evaluation_id
from candidate
where evaluation_id not in (select evaluation_id from run);

delete from baseline where evaluation_id in (select evaluation_id from lost_evaluation);
delete from text_baseline where evaluation_id in (select evaluation_id from lost_evaluation);
delete from score
where
    rollout_id in (
        select rollout_id
        from rollout
        where evaluation_id in (select evaluation_id from lost_evaluation)
    );
delete from rollout where evaluation_id in (select evaluation_id from lost_evaluation);
delete from refused where evaluation_id in (select evaluation_id from lost_evaluation);
delete from evaluation where evaluation_id in (select evaluation_id from lost_evaluation);

create or replace temp table lost_vector as
with recursive made_of as (
    select vector_id, vector_id as part from vector
    union
    select made_of.vector_id, unnest([vector.norm_vector_id, vector.parent_vector_id]) as part
    from vector
    inner join made_of on made_of.part = vector.vector_id
)

select distinct part as vector_id
from made_of
where
    vector_id in (select vector_id from candidate)
    and part not in (
        select made_of.part
        from made_of
        inner join run using (vector_id)
        where made_of.part is not null
    );

delete from rise_multiplier where vector_id in (select vector_id from lost_vector);
delete from vector_fit where vector_id in (select vector_id from lost_vector);
delete from vector_layer where vector_id in (select vector_id from lost_vector);
delete from vector_feature where vector_id in (select vector_id from lost_vector);
delete from vector_direction where vector_id in (select vector_id from lost_vector);
delete from name
where kind = 'method' and id in (select vector_id from lost_vector);
delete from vector where vector_id in (select vector_id from lost_vector);
