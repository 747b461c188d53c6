-- Columns of tables and views that have no comment.
select table_name, column_name
from duckdb_columns()
where database_name = current_database() and not internal and comment is null;
