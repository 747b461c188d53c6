-- What steering does to features, of the runs on prompt sets that an analysis is asked about: each
-- with what its vector is made of or aims at (`targeted`, null for vectors that name no feature).
create macro asked_feature_effects(experiments, models, concepts, methods, asked_role) as table
with asked as (
    select *
    from asked_rollout_runs(experiments, models, methods, asked_role)
    where
        concepts is null
        or list_has_any(
            own_dataset_ids, coalesce((select list(id) from asked_ids('concept', concepts)), [])
        )
),

aim as (
    select
        vector_id,
        layer,
        sae_id,
        count(*) as n_targets
    from vector_feature
    group by vector_id, layer, sae_id
)

select
    asked.* exclude (own_dataset_ids),
    feature_effect.* exclude (run_id),
    coalesce(sae_name.name || sae_name.suffix, feature_effect.sae_id) as sae,
    aim.n_targets,
    if(aim.n_targets is null, null, vector_feature.feature is not null) as targeted,
    vector_feature.coefficient,
    coalesce(absent.n_absent, 0) as n_absent
from asked
inner join feature_effect using (run_id)
left join aim
    on
        aim.vector_id = asked.vector_id
        and aim.layer = feature_effect.layer
        and aim.sae_id = feature_effect.sae_id
left join vector_feature
    on
        vector_feature.vector_id = asked.vector_id
        and vector_feature.layer = feature_effect.layer
        and vector_feature.sae_id = feature_effect.sae_id
        and vector_feature.feature = feature_effect.feature
left join shown_name as sae_name
    on sae_name.kind = 'sae' and sae_name.id = feature_effect.sae_id
left join missing_rollouts() as absent
    on
        absent.run_id = feature_effect.run_id
        and absent.layer = feature_effect.layer
        and absent.multiplier = feature_effect.multiplier;
