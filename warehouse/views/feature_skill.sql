-- What an approximator says of each feature on vectors that it has not seen. R² is 1 - squared error /
-- squared deviation from the held-out mean (as scikit-learn's r2_score), so that it can be below 0;
-- both are null where no held-out vector moves the feature.
create view feature_skill as
select
    approximator.approximator_id,
    coalesce(shown.name, approximator.approximator_id) as approximator,
    approximator.model_id,
    coalesce(model.name || model.suffix, approximator.model_id) as model,
    approximator.sae_id,
    coalesce(sae.name, approximator.sae_id) as sae,
    approximator.layer,
    approximator_feature.feature,
    approximator.n_held_out,
    approximator_feature.mean_effect,
    sqrt(squared_deviation / (approximator.n_held_out - 1)) as sd_effect,
    1 - squared_error / nullif(squared_deviation, 0) as r2,
    joint_deviation / nullif(sqrt(squared_deviation * predicted_deviation), 0) as correlation,
    approximator_feature.largest_deviation
    / nullif(squared_deviation, 0) as largest_share,
    approximator_feature.weight_length,
    approximator_feature.bias,
    approximator_feature.decoder_cosine
from approximator_feature
inner join approximator using (approximator_id)
left join shown_name as shown
    on shown.kind = 'approximator' and shown.id = approximator.approximator_id
left join shown_name as model on model.kind = 'model' and model.id = approximator.model_id
left join shown_name as sae on sae.kind = 'sae' and sae.id = approximator.sae_id;

-- The features that are asked about: those named, or where none is (null) the `most` of each
-- approximator that it predicts best.
create macro asked_features(approximator_ids, features, most) as table
    select approximator_id, feature
    from feature_skill
    where
        list_contains(approximator_ids, approximator_id)
        and (features is null or list_contains(features, feature))
    qualify
        features is not null
        or row_number() over (partition by approximator_id order by r2 desc nulls last, feature)
        <= most;
