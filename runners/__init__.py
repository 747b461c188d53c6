"""From datasets to vectors and per-input logit differences: the only room with torch."""
