"""From steering vectors to what they do to features, and back."""
