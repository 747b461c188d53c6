"""Results of others: their folders read, checked and turned into rows of the warehouse."""
