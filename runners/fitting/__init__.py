"""From training prompts to steering vectors: activations, fits, norms, nulls, geometry, files."""
