"""`steerhouse export`: what was made here, for other tools."""
