-- What scorers say of each rollout, with everything known about it (rollout_card).
create view rollout_score as
select
    score.rollout_id,
    score.scorer_id,
    coalesce(scorer_name.name, scorer.kind) as scorer,
    scorer.measures,
    score.score,
    score.failure,
    score.answer,
    rollout_card.* exclude (rollout_id)
from score
inner join scorer using (scorer_id)
inner join rollout_card using (rollout_id)
left join shown_name as scorer_name
    on scorer_name.kind = 'scorer' and scorer_name.id = score.scorer_id;

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

-- The runs on prompt sets of these experiments, models and methods, filters as in asked_runs, by the
-- names they are shown by. What a null vector was fitted on is what the vector it belongs to was.
create macro asked_rollout_runs(experiments, models, methods, asked_role) as table
select
    run_card.run_id,
    run_card.evaluation_id,
    run_card.vector_id,
    run_card.model_id,
    evaluation.prompt_set_id,
    run_card.identity_at_zero,
    vector.method as method_kind,
    coalesce(run_card.fit_dataset_ids, parent.fit_dataset_ids, []) as own_dataset_ids,
    coalesce(model_name.name || model_name.suffix, run_card.model) as model,
    run_card.method,
    coalesce(prompt_set.name || prompt_set.suffix, evaluation.prompt_set_id) as prompt_set,
    coalesce(run_card.fit_concept, parent.fit_concept) as fit_concept,
    coalesce(run_card.fit_variant, parent.fit_variant) as fit_variant,
    run_card.role,
    run_card.seed,
    run_card.norm,
    run_card.operator,
    run_card.scope
from run_card
inner join evaluation on evaluation.evaluation_id = run_card.evaluation_id
left join vector on vector.vector_id = run_card.vector_id
left join fit_card as parent on parent.vector_id = run_card.parent_vector_id
left join shown_name as model_name
    on model_name.kind = 'model' and model_name.id = run_card.model_id
left join shown_name as prompt_set
    on prompt_set.kind = 'prompt_set' and prompt_set.id = evaluation.prompt_set_id
where
    evaluation.prompt_set_id is not null
    and run_card.role = asked_role
    and run_card.run_id in (from asked_runs(experiments, models, null, methods));

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

-- Every rollout of these runs with both scores, one row per run_id, behaviour_id, coherence_id, layer,
-- multiplier, prompt_id, sample. Multiplier 0 is the rollouts without steering, for operators that do
-- nothing there. `failed`: a scorer was asked in vain; `missing`: one was not asked.
create macro scored_pairs(experiments, models, concepts, methods, asked_role) as table
with asked as materialized (
    select run_id, behaviour_id, coherence_id, evaluation_id, identity_at_zero
    from asked_scored_runs(experiments, models, concepts, methods, asked_role)
),

place as materialized (
    select distinct rollout.run_id, rollout.layer, rollout.multiplier, rollout.evaluation_id
    from rollout
    where rollout.run_id in (select run_id from asked)
),

drawn as (
    select rollout.run_id, rollout.layer, rollout.multiplier, rollout.prompt_id, rollout.sample,
        rollout.rollout_id
    from rollout
    where rollout.run_id in (select run_id from asked)
    union all
    select place.run_id, place.layer, 0, rollout.prompt_id, rollout.sample, rollout.rollout_id
    from (
        select run_id, layer, evaluation_id
        from place
        group by run_id, layer, evaluation_id
        having not bool_or(multiplier = 0)
    ) as place
    inner join rollout
        on rollout.evaluation_id = place.evaluation_id and rollout.run_id is null
    where place.run_id in (select run_id from asked where identity_at_zero)
)

select
    asked.run_id,
    asked.behaviour_id,
    asked.coherence_id,
    asked.evaluation_id,
    drawn.layer,
    drawn.multiplier,
    drawn.prompt_id,
    drawn.sample,
    behaviour.score as behaviour,
    coherence.score as coherence,
    behaviour.failure is not null or coherence.failure is not null as failed,
    behaviour.rollout_id is null or coherence.rollout_id is null as missing
from asked
inner join drawn using (run_id)
left join score as behaviour
    on behaviour.rollout_id = drawn.rollout_id and behaviour.scorer_id = asked.behaviour_id
left join score as coherence
    on coherence.rollout_id = drawn.rollout_id and coherence.scorer_id = asked.coherence_id;

-- Means of both scores and of their product, by run, layer and multiplier, over the rollouts that have
-- both. `unit` says what is drawn anew: `sample` (other samples of the same prompts), or `prompt`
-- (other prompts too); one cluster each. Product of means as Chalnev et al. 2024, with its standard
-- error by the delta method.
create macro score_points(experiments, models, concepts, methods, asked_role, unit) as table
with cluster as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        prompt_id,
        if(unit = 'sample', sample, null) as of_sample,
        count(*) as n_rollouts,
        count(*) filter (where failed) as n_failed,
        count(*) filter (where missing) as n_missing,
        count(behaviour + coherence) as n,
        sum(behaviour) filter (where coherence is not null) as b,
        sum(coherence) filter (where behaviour is not null) as c,
        sum(behaviour * coherence) as bc
    from scored_pairs(experiments, models, concepts, methods, asked_role)
    group by
        run_id, behaviour_id, coherence_id, layer, multiplier, prompt_id,
        if(unit = 'sample', sample, null)
),

counted as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        sum(n_rollouts)::bigint as n_rollouts,
        sum(n_failed)::bigint as n_failed,
        sum(n_missing)::bigint as n_missing
    from cluster
    group by run_id, behaviour_id, coherence_id, layer, multiplier
),

mean as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        sum(n)::bigint as n,
        count(*) as n_clusters,
        sum(b) / sum(n) as behaviour,
        cluster_standard_error(b, n) as behaviour_error,
        sum(c) / sum(n) as coherence,
        cluster_standard_error(c, n) as coherence_error,
        cluster_covariance(b, n, c, n) as covariance,
        sum(bc) / sum(n) as mean_of_products,
        cluster_standard_error(bc, n) as mean_of_products_error
    from cluster
    where n > 0
    group by run_id, behaviour_id, coherence_id, layer, multiplier
)

select
    counted.*,
    coalesce(mean.n, 0) as n,
    coalesce(mean.n_clusters, 0) as n_clusters,
    mean.behaviour,
    mean.behaviour_error,
    mean.coherence,
    mean.coherence_error,
    mean.behaviour * mean.coherence as product_of_means,
    sqrt(product_variance(
        mean.behaviour, pow(mean.behaviour_error, 2), mean.coherence, pow(mean.coherence_error, 2),
        mean.covariance
    )) as product_of_means_error,
    mean.mean_of_products,
    mean.mean_of_products_error
from counted
left join mean using (run_id, behaviour_id, coherence_id, layer, multiplier);

-- What is asked of a run at a multiplier and is not there as a rollout, by run_id, layer, multiplier.
create macro missing_rollouts() as table
select
    asked.run_id,
    asked.layer,
    asked.multiplier,
    greatest(0, asked.n_asked - coalesce(there.n, 0)) as n_absent
from (
    select run_id, layer, multiplier, max(n_asked) as n_asked
    from experiment_run
    where multiplier <> 0
    group by run_id, layer, multiplier
) as asked
inner join run using (run_id)
inner join evaluation using (evaluation_id)
left join (
    select run_id, layer, multiplier, count(*) as n
    from rollout
    where run_id is not null
    group by run_id, layer, multiplier
) as there
    on
        there.run_id = asked.run_id
        and there.layer = asked.layer
        and there.multiplier = asked.multiplier
where evaluation.prompt_set_id is not null;

-- The best multiplier of each run and layer: that of all rollouts (as published, too good, for the same
-- rollouts choose and report), and for each half of them the one that the other half chooses
-- (is_first_sample), whose value does not flatter. `objective` is product_of_means or
-- mean_of_products. The halves' mean has 1.36 times the variance of independent ones
-- (cross_fit_inflation).
create macro best_scales(experiments, models, concepts, methods, asked_role, objective) as table
with pair as materialized (
    select
        *,
        is_first_sample(evaluation_id, prompt_id, sample) as is_first
    from scored_pairs(experiments, models, concepts, methods, asked_role)
),

counted as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        count(*) filter (where failed) as n_failed,
        count(*) filter (where missing) as n_missing
    from pair
    group by run_id, behaviour_id, coherence_id, layer
),

part as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        is_first,
        count(*) as n,
        avg(behaviour) as b,
        avg(coherence) as c,
        avg(behaviour * coherence) as bc,
        cluster_standard_error(behaviour, 1) as b_error,
        cluster_standard_error(coherence, 1) as c_error,
        cluster_covariance(behaviour, 1, coherence, 1) as covariance,
        cluster_standard_error(behaviour * coherence, 1) as bc_error
    from pair
    where behaviour is not null and coherence is not null
    group by grouping sets (
        (run_id, behaviour_id, coherence_id, layer, multiplier, is_first),
        (run_id, behaviour_id, coherence_id, layer, multiplier)
    )
),

valued as materialized (
    select
        *,
        if(objective = 'mean_of_products', bc, b * c) as value,
        if(
            objective = 'mean_of_products',
            pow(bc_error, 2),
            product_variance(b, pow(b_error, 2), c, pow(c_error, 2), covariance)
        ) as variance
    from part
),

-- equal ones are told apart by their size: rounded, so that the order of adding up decides nothing
in_sample as (
    select
        *,
        count(*) over of_run as n_multipliers
    from valued
    where is_first is null
    window of_run as (partition by run_id, behaviour_id, coherence_id, layer)
    qualify
        row_number() over (of_run order by round(value, 9) desc, abs(multiplier), multiplier) = 1
),

chosen as (
    select run_id, behaviour_id, coherence_id, layer, is_first, multiplier
    from valued
    where is_first is not null
    qualify
        row_number() over (
            partition by run_id, behaviour_id, coherence_id, layer, is_first
            order by round(value, 9) desc, abs(multiplier), multiplier
        ) = 1
),

held_out as (
    select
        valued.run_id,
        valued.behaviour_id,
        valued.coherence_id,
        valued.layer,
        max(valued.multiplier) filter (where valued.is_first) as multiplier_first,
        max(valued.multiplier) filter (where not valued.is_first) as multiplier_second,
        sum(valued.n * valued.value) / sum(valued.n) as value,
        sum(valued.n * valued.b) / sum(valued.n) as behaviour,
        sum(valued.n * valued.c) / sum(valued.n) as coherence,
        -- a half of one rollout has no variance, and so has the whole
        if(count(valued.variance) = 2, sqrt(
            cross_fit_inflation() * sum(pow(valued.n, 2) * valued.variance) / pow(sum(valued.n), 2)
        ), null) as error,
        sum(valued.n)::bigint as n
    from chosen
    inner join valued
        on
            valued.run_id = chosen.run_id
            and valued.behaviour_id = chosen.behaviour_id
            and valued.coherence_id = chosen.coherence_id
            and valued.layer = chosen.layer
            and valued.multiplier = chosen.multiplier
            and valued.is_first = not chosen.is_first
    group by valued.run_id, valued.behaviour_id, valued.coherence_id, valued.layer
    having count(*) = 2
)

select
    in_sample.run_id,
    in_sample.behaviour_id,
    in_sample.coherence_id,
    in_sample.layer,
    in_sample.multiplier,
    in_sample.value as in_sample,
    in_sample.b as behaviour,
    in_sample.c as coherence,
    in_sample.n,
    in_sample.n_multipliers,
    held_out.multiplier_first,
    held_out.multiplier_second,
    held_out.value as held_out,
    held_out.error as held_out_error,
    held_out.behaviour as held_out_behaviour,
    held_out.coherence as held_out_coherence,
    held_out.n as held_out_n,
    counted.n_failed,
    counted.n_missing
from in_sample
inner join counted using (run_id, behaviour_id, coherence_id, layer)
left join held_out using (run_id, behaviour_id, coherence_id, layer);
