-- Sampled continuations under steering, what they do to the features of a sparse autoencoder, and
-- what scorers say of them. The runs are on evaluations of a prompt set.
create table prompt_set (
    prompt_set_id varchar not null,
    n_prompts integer not null,
    language varchar,
    licence varchar,
    citation varchar
);
create table prompt (
    prompt_id varchar not null,
    prompt varchar not null
);
create table prompt_set_prompt (
    prompt_set_id varchar not null,
    "row" integer not null,
    prompt_id varchar not null,
    copies integer not null
);
create table rollout (
    rollout_id varchar not null,
    evaluation_id varchar not null,
    run_id varchar,
    layer smallint check (layer >= 0),
    multiplier double,
    prompt_id varchar not null,
    sample integer not null,
    text varchar not null,
    token_ids integer[] not null,
    n_tokens integer not null,
    logprob double not null check (isfinite(logprob)),
    unsteered_logprob double not null check (isfinite(unsteered_logprob)),
    margin double not null check (isfinite(margin))
);
create table sae (
    sae_id varchar not null,
    source varchar not null,
    architecture varchar not null,
    layer smallint not null,
    d_model integer not null,
    d_sae integer not null
);
create table sae_check (
    sae_id varchar not null,
    model_id varchar not null,
    layer smallint not null,
    text_set_id varchar not null,
    n_tokens integer not null,
    explained_variance double not null,
    mean_active double not null
);
create table vector_feature (
    vector_id varchar not null,
    layer smallint not null check (layer >= 0),
    sae_id varchar not null,
    feature integer not null,
    coefficient double not null check (isfinite(coefficient)),
    output_score double
);
create table feature_effect (
    run_id varchar not null,
    layer smallint not null check (layer >= 0),
    multiplier double not null,
    sae_id varchar not null,
    stream varchar not null,
    feature integer not null,
    steered_mean double not null,
    unsteered_mean double not null,
    effect double not null,
    standard_error double,
    n_rollouts integer not null
);
create table rise_multiplier (
    evaluation_id varchar not null,
    vector_id varchar not null,
    operator varchar not null,
    layer smallint not null check (layer >= 0),
    rule varchar not null,
    target double not null,
    multiplier double not null check (isfinite(multiplier)),
    cross_entropy double not null,
    cross_entropy_rise double not null
);
create table scorer (
    scorer_id varchar not null,
    kind varchar not null,
    measures varchar not null check (measures in ('behaviour', 'coherence')),
    parameters varchar not null
);
create table scorer_concept (
    scorer_id varchar not null,
    dataset_id varchar not null
);
create table score (
    rollout_id varchar not null,
    scorer_id varchar not null,
    score double check (isfinite(score)),
    failure varchar,
    answer varchar,
    attempts integer,
    tokens_read integer,
    tokens_written integer,
    cost double,
    execution_id varchar
);
