-- Every row of a delimited file, every column as text; an empty field is null.
-- The columns are given, so that nothing is guessed and a broken line is named by its number.
select *
from read_csv(
    $path,
    columns = $columns,
    auto_detect = false,
    delim = $delimiter,
    quote = '"',
    escape = '"',
    header = true,
    strict_mode = true,
    hive_partitioning = false
)
