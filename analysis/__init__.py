"""Questions to the warehouse, one .sql file each."""
