-- The experiments that were planned here.
select distinct experiment from experiment_run order by experiment;
