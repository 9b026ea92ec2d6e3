"""Ground floor: what the reactor knows and how it decides.

Values in, values out. Nothing here opens a socket, reads a clock, a file or the environment, or
imports boto3, so every rule can be tested by calling a function. The floors above may import this
one; this one imports only pydantic and the standard library.
"""
