-- Effect approximators y = xM + b, what they say of each feature of a sparse autoencoder, and the
-- look-up the other way round.
create table approximator (
    approximator_id varchar not null,
    model_id varchar not null,
    layer smallint not null check (layer >= 0),
    sae_id varchar not null,
    input_sae_id varchar not null,
    prompt_set_id varchar not null,
    text_set_id varchar,
    d_model integer not null,
    d_sae integer not null,
    n_inputs integer not null,
    n_held_out integer not null,
    fit varchar not null,
    parameters varchar not null,
    rise double,
    scale double,
    effects_id varchar not null
);
create table approximator_feature (
    approximator_id varchar not null,
    feature integer not null,
    weight_length double not null check (isfinite(weight_length)),
    bias double not null check (isfinite(bias)),
    decoder_cosine double not null check (isfinite(decoder_cosine)),
    mean_effect double not null,
    squared_error double not null check (isfinite(squared_error)),
    squared_deviation double not null check (isfinite(squared_deviation)),
    predicted_deviation double not null,
    joint_deviation double not null,
    largest_deviation double not null
);
create table feature_cause (
    approximator_id varchar not null,
    feature integer not null,
    rank integer not null,
    cause integer not null,
    effect double not null
);
create table feature_neighbour (
    sae_id varchar not null,
    feature integer not null,
    rank integer not null,
    neighbour integer not null,
    cosine double not null
);
