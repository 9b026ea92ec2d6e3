"""Captured events and recorded worlds as files: read, written, made anonymous.

Nothing here runs an event; the embedded AWS does.
"""
