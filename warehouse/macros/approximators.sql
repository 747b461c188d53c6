-- Approximators of these models, and those behind the vectors that these experiments, concepts and
-- methods ask for; each filter is a list of names or globs, null for no filter.
create or replace macro asked_approximators(experiments, models, concepts, methods) as table
    with aimed as (
        select
            vector_id,
            regexp_extract(parameters, '"approximator_id":"([0-9a-f]+)"', 1) as approximator_id
        from vector
    )

    select approximator_id
    from approximator
    where
        (models is null or model_id in (select id from asked_ids('model', models)))
        and (
            methods is null
            or approximator_id in (
                select aimed.approximator_id
                from aimed
                inner join asked_ids('method', methods) as method on method.id = aimed.vector_id
            )
        )
        and (
            (experiments is null and concepts is null)
            or approximator_id in (
                select aimed.approximator_id
                from aimed
                inner join run using (vector_id)
                inner join asked_runs(experiments, null, concepts, null) using (run_id)
            )
        );
