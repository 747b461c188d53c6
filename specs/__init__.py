"""What is asked: YAML specs of concepts, variants, methods, models and experiments."""
