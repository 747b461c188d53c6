"""Questions to the warehouse, one file each: .sql, or .py in models/ for what SQL cannot say."""
