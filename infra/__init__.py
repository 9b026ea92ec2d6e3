"""Second floor: what operators run.

The stack's template, its packaging, the embedded AWS and the command line. May import handlers and
models; nothing here is deployed to Lambda.
"""
