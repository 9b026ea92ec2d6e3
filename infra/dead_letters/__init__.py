"""The dead-letter queue: read it, judge each message, redrive it, lose nothing.

Prints nothing, and imports no command line. Only `Reading.delete` removes a message.
"""
