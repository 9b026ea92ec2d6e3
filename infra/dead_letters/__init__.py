"""The dead-letter queue: read it, understand each letter, replay it, lose nothing.

Prints nothing, and imports no command line. Nothing is removed but by `Reading.delete`.
"""
