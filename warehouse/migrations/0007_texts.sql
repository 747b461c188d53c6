-- Concepts of kind texts: a data set may be of texts in no pairs, which answer nothing.
alter table dataset alter column answer_format drop not null;
create table dataset_text (
    dataset_id varchar not null,
    "row" integer not null,
    text_id varchar not null,
    split varchar not null,
    positive boolean not null,
    source_row integer
);
