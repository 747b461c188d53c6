"""From a concept to a contrastive dataset folder in the Hugging Face Hub format."""
