"""Scorers over rollouts: what each says of every one, staged block by block."""
