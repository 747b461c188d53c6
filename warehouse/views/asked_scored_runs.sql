-- The rollouts that an experiment asks for of a model, and those without steering beside them, each
-- with what a scorer has said of it: `scored` is null where it was not asked, false where it failed.
-- Of the vectors `asked_vectors` only, null for all; of the first `asked_samples` samples of each copy
-- of a prompt, null for all that are there.
create macro rollouts_to_score(
    asked_experiment, asked_model, asked_vectors, asked_scorer, asked_samples
) as table
with asked as materialized (
    select
        experiment_run.run_id,
        experiment_run.layer,
        experiment_run.multiplier,
        run.evaluation_id,
        evaluation.prompt_set_id
    from experiment_run
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    where
        experiment_run.experiment = asked_experiment
        and evaluation.model_id = asked_model
        and evaluation.prompt_set_id is not null
        and (asked_vectors is null or list_contains(asked_vectors, run.vector_id))
),

found as (
    select rollout.*
    from rollout
    semi join asked
        on
            asked.run_id = rollout.run_id
            and asked.layer = rollout.layer
            and asked.multiplier = rollout.multiplier
    union all
    select rollout.*
    from rollout
    semi join asked on asked.evaluation_id = rollout.evaluation_id
    where rollout.run_id is null
),

drawn as (
    select asked.evaluation_id, prompt_set_prompt.prompt_id, max(prompt_set_prompt.copies) as copies
    from asked
    inner join prompt_set_prompt using (prompt_set_id)
    group by asked.evaluation_id, prompt_set_prompt.prompt_id
)

select
    found.*,
    prompt.prompt,
    if(score.rollout_id is null, null, score.score is not null) as scored
from found
inner join prompt using (prompt_id)
left join drawn using (evaluation_id, prompt_id)
left join score on score.rollout_id = found.rollout_id and score.scorer_id = asked_scorer
where asked_samples is null or found.sample < asked_samples * coalesce(drawn.copies, 1);

-- The scorers that were asked of a run's rollouts, by name, with the concepts that they read of.
create macro run_scorers() as table
with asked as (
    select distinct rollout.run_id, score.scorer_id
    from score
    inner join rollout using (rollout_id)
    where rollout.run_id is not null
),

subject as (
    select scorer_id, list(dataset_id) as dataset_ids
    from scorer_concept
    group by scorer_id
)

select
    asked.run_id,
    asked.scorer_id,
    scorer.measures,
    coalesce(shown_name.name, scorer.kind) as name,
    coalesce(subject.dataset_ids, []) as dataset_ids
from asked
inner join scorer using (scorer_id)
left join subject using (scorer_id)
left join shown_name on shown_name.kind = 'scorer' and shown_name.id = asked.scorer_id;

-- These runs, once for each scorer of behaviour and each of coherence that was asked of them.
-- `concept` is what the behaviour scorer reads of (the concept that the vector was fitted on, where
-- that is among several), else the concept the vector was fitted on; so is the filter on concepts.
create macro asked_scored_runs(experiments, models, concepts, methods, asked_role) as table
with own as materialized (
    from asked_rollout_runs(experiments, models, methods, asked_role)
),

asked_scorer as materialized (
    from run_scorers()
    where run_id in (select run_id from own)
),

about as (
    select
        own.run_id,
        asked_scorer.scorer_id,
        case
            when len(asked_scorer.dataset_ids) = 0 then own.own_dataset_ids
            when list_has_any(asked_scorer.dataset_ids, own.own_dataset_ids)
                then list_intersect(asked_scorer.dataset_ids, own.own_dataset_ids)
            else asked_scorer.dataset_ids
        end as dataset_ids
    from own
    inner join asked_scorer using (run_id)
    where asked_scorer.measures = 'behaviour'
),

about_name as (
    select
        about.run_id,
        about.scorer_id,
        string_agg(shown.name || shown.suffix, ' + ' order by shown.name) as name
    from about
    inner join shown_name as shown
        on shown.kind = 'concept' and list_contains(about.dataset_ids, shown.id)
    group by about.run_id, about.scorer_id
)

select
    own.*,
    behaviour.scorer_id as behaviour_id,
    coherence.scorer_id as coherence_id,
    coalesce(about_name.name, own.fit_concept) as concept,
    behaviour.name as behaviour_scorer,
    coherence.name as coherence_scorer
from own
inner join asked_scorer as behaviour
    on behaviour.run_id = own.run_id and behaviour.measures = 'behaviour'
inner join asked_scorer as coherence
    on coherence.run_id = own.run_id and coherence.measures = 'coherence'
inner join about on about.run_id = own.run_id and about.scorer_id = behaviour.scorer_id
left join about_name
    on about_name.run_id = own.run_id and about_name.scorer_id = behaviour.scorer_id
where
    concepts is null
    or list_has_any(
        about.dataset_ids, coalesce((select list(id) from asked_ids('concept', concepts)), [])
    );
