"""Models: found, checked, loaded, described; which way serves them, and why none does."""
