-- How many of the runs asked about (filters as in asked_runs) have a chosen layer that the test
-- items themselves chose.
select count(*)
from asked_cards(
    $experiment::varchar[], $model::varchar[], $concept::varchar[], $method::varchar[], 'fitted', 'best'
)
where cross_fitted;
