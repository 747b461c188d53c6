"""From a row of a dataset to token ids: chat templates, positions, what a model cannot be shown."""
