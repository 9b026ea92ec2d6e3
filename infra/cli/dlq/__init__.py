"""The work of `ami-reactor dlq VERB`: look into the dead-letter queue, and empty it safely."""
