"""Sparse autoencoders: loading, checks against a model, and what methods and rollouts ask of them."""
