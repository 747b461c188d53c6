"""The measurement itself: chains, replays, the reference path, and what holds them equal."""
