"""Answers that SQL cannot give readably: permutation, resampling, more than two factors."""
