"""Sparse autoencoders: loading, checks against a model, what methods and rollouts ask of them."""
