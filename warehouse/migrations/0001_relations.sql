-- The relations of DESIGN 6. Fact tables have neither primary nor foreign keys (5 times the time,
-- 10 times the space, measured); uniqueness and relations are data tests (analysis/checks).

-- What ------------------------------------------------------------------------------------------
create table model (
    model_id varchar not null,
    source varchar not null,
    revision varchar,
    dtype varchar not null,
    quantisation varchar,
    architecture varchar,
    n_layers smallint,
    d_model integer,
    vocabulary_size integer,
    context_length integer,
    n_parameters bigint,
    system_role varchar,
    template varchar,
    chat_template_sha256 varchar,
    template_kwargs varchar
);
create table dataset (
    dataset_id varchar not null,
    kind varchar not null,
    answer_format varchar not null,
    split_by varchar,
    n_items integer not null,
    n_questions integer not null,
    n_duplicate_rows integer,
    n_leaked_questions integer,
    n_low_confidence integer,
    n_unparsed_options integer,
    n_control_tokens integer,
    licence varchar,
    citation varchar
);
create table variant (
    variant_id varchar not null,
    dataset_id varchar not null
);
create table item (
    item_id varchar not null,
    question_id varchar not null,
    question varchar not null,
    options varchar[] not null,
    symbols varchar[] not null,
    positive_option tinyint not null,
    option_order varchar not null,
    positive_answer varchar
);
create table dataset_item (
    dataset_id varchar not null,
    "row" integer not null,
    item_id varchar not null,
    split varchar not null,
    source_row integer,
    label_confidence double
);
create table name (
    kind varchar not null,
    id varchar not null,
    name varchar not null
);
create table planted (
    model_id varchar not null,
    dataset_id varchar not null,
    quantity varchar not null,
    variant_id varchar not null,
    layer smallint,
    value double
);

-- Vectors ---------------------------------------------------------------------------------------
create table vector (
    vector_id varchar not null,
    model_id varchar not null,
    method varchar not null,
    parameters varchar not null,
    seed integer,
    resample integer,
    combination varchar,
    norm varchar not null,
    norm_vector_id varchar,
    parent_vector_id varchar,
    role varchar not null
);
create table vector_fit (
    vector_id varchar not null,
    dataset_id varchar not null,
    split varchar not null,
    variant_id varchar not null,
    items_sha256 varchar not null,
    n_items integer not null,
    n_questions integer not null
);
create table vector_layer (
    vector_id varchar not null,
    layer smallint not null,
    length double not null,
    raw_length double not null,
    factor double not null,
    residual_norm double,
    degenerate boolean not null,
    mean_cosine double,
    mean_pairwise_cosine double,
    d_prime double,
    auroc double,
    overlap double,
    effective_rank double
);
create table vector_direction (
    vector_id varchar not null,
    layer smallint not null,
    direction float[] not null
);

-- Facts -----------------------------------------------------------------------------------------
create table evaluation (
    evaluation_id varchar not null,
    model_id varchar not null,
    dataset_id varchar,
    prompt_set_id varchar,
    text_set_id varchar,
    variant_id varchar,
    score varchar not null,
    parameters varchar not null
);
create table baseline (
    evaluation_id varchar not null,
    item_id varchar not null,
    logit_diff float not null check (isfinite(logit_diff)),
    answer_logmass float not null check (isfinite(answer_logmass)),
    prefix_logprob float,
    prompt_tokens integer,
    positive_tokens integer,
    negative_tokens integer,
    prompt_text varchar
);
create table refused (
    evaluation_id varchar not null,
    item_id varchar not null,
    reason varchar not null,
    dropped boolean not null
);
create table run (
    run_id varchar not null,
    evaluation_id varchar not null,
    vector_id varchar not null,
    operator varchar not null,
    parameters varchar not null,
    scope varchar not null,
    identity_at_zero boolean not null,
    graded boolean not null
);
create table measurement (
    run_id varchar not null,
    item_id varchar not null,
    layer smallint not null check (layer >= 0),
    multiplier double not null,
    logit_diff float not null check (isfinite(logit_diff)),
    answer_logmass float not null check (isfinite(answer_logmass))
);

-- Book-keeping ----------------------------------------------------------------------------------
create table cell (
    run_id varchar not null,
    layer smallint not null,
    multiplier double not null,
    split varchar not null,
    block integer not null,
    n_items integer not null,
    execution_id varchar not null
);
create table experiment_run (
    experiment varchar not null,
    run_id varchar not null,
    split varchar not null,
    layer smallint not null,
    multiplier double not null,
    n_asked integer not null
);
create table verification (
    run_id varchar not null,
    item_id varchar not null,
    layer smallint not null,
    multiplier double not null,
    logit_diff double not null,
    reference double not null,
    scale double not null,
    execution_id varchar not null
);
create table execution (
    execution_id varchar not null,
    command varchar not null,
    code_version varchar not null,
    versions varchar not null,
    device varchar,
    dtype varchar,
    content_sha256 varchar,
    started_at timestamp not null,
    finished_at timestamp
);

-- The file itself -------------------------------------------------------------------------------
create table schema_migration (
    version integer not null,
    name varchar not null,
    applied_at timestamp not null
);
create table schema_definition (
    sha256 varchar not null,
    applied_at timestamp not null
);
