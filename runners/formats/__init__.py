"""Vector files of other tools: each layout in one place, for `export` and for method `file`."""
