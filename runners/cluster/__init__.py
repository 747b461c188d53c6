"""Blocks measured on many GPUs and machines through Ray (extra `ray`); Ray is imported late."""
