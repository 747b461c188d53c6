"""What steering does to texts it was not made for: KL and cross-entropy on text sets."""
