-- The filters that every analysis shares, said once. Each filter is a list of names or globs, null
-- for no filter. Names are looked up in `name` and `experiment_run`, and only ids come back, so that
-- facts are filtered by a semi-join and never joined with names.

create or replace macro is_asked(called, patterns) as
    patterns is null or len(list_filter(patterns, lambda pattern: called glob pattern)) > 0;

-- Ids of a kind that bear one of the names.
create or replace macro asked_ids(asked_kind, patterns) as table
    select distinct id
    from name
    where kind = asked_kind and is_asked(name.name, patterns);

-- Runs of these experiments, models, evaluated concepts and methods. The method of a null vector
-- is the null's own (`random`): nulls are found through the vector they belong to.
create or replace macro asked_runs(experiments, models, concepts, methods) as table
    select run.run_id
    from run
    inner join evaluation using (evaluation_id)
    where
        (models is null or evaluation.model_id in (select id from asked_ids('model', models)))
        and (concepts is null or evaluation.dataset_id in (select id from asked_ids('concept', concepts)))
        and (methods is null or run.vector_id in (select id from asked_ids('method', methods)))
        and (
            experiments is null
            or run.run_id in (
                select experiment_run.run_id
                from experiment_run
                where is_asked(experiment_run.experiment, experiments)
            )
        );

-- The layers at which some experiments ask for their runs.
create or replace macro asked_layers(experiments) as table
    select distinct run_id, layer
    from experiment_run
    where is_asked(experiment, experiments);

-- Whether a layer is asked for: all (null), one by its number, or `best` = the chosen one, which is
-- null where the validation split has chosen none.
create or replace macro is_layer(layer, asked_layer, chosen_layer) as
    asked_layer is null
    or layer = if(asked_layer = 'best', chosen_layer, try_cast(asked_layer as smallint));
