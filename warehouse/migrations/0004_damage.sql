-- What steering does to texts that it was not made for. Per text, so that a mean over texts has an
-- interval; the runs are on evaluations of a text set.
create table text_set (
    text_set_id varchar not null,
    n_texts integer not null,
    language varchar,
    licence varchar,
    citation varchar
);
create table text (
    text_id varchar not null,
    text varchar not null
);
create table text_set_text (
    text_set_id varchar not null,
    "row" integer not null,
    text_id varchar not null
);
create table text_baseline (
    evaluation_id varchar not null,
    text_id varchar not null,
    n_tokens integer not null,
    cross_entropy double not null check (isfinite(cross_entropy))
);
create table damage (
    run_id varchar not null,
    layer smallint not null check (layer >= 0),
    multiplier double not null,
    text_id varchar not null,
    n_tokens integer not null,
    kl double not null check (isfinite(kl)),
    cross_entropy_rise double not null check (isfinite(cross_entropy_rise))
);
