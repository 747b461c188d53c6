"""Sampled continuations under steering, many vectors at a time, and what they do to features."""
