"""What is deployed: the archive that Lambda runs, and what of its requirements goes into it."""
