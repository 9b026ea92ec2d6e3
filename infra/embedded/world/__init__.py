"""A world: what exists in one account and Region, as a file and inside the embedded AWS."""
