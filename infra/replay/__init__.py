"""Captured events and recorded worlds as files: read, written, made anonymous.

Nothing here replays an event: `infra/embedded/replayer.py` does.
"""
