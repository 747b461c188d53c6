-- Every row of a Parquet file with the types it was written with.
select * from read_parquet($path, hive_partitioning = false)
