"""One experiment on one model: planned, done step by step, staged, verified."""
