-- Every view and macro of the warehouse, as `drop` names its kind.
select 'view' as kind, view_name as name
from duckdb_views()
where database_name = current_database() and not internal
union
select if(function_type = 'table_macro', 'macro table', 'macro') as kind, function_name as name
from duckdb_functions()
where database_name = current_database() and not internal;
