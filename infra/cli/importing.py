"""How a verb imports its work."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def importing() -> Iterator[None]:
    """Let ^C end the program at once and without a message; afterwards it is a KeyboardInterrupt.

    The imports take up to a second. Python would print a traceback if it was interrupted where it
    cannot raise: while it lets go of a module's lock, for example.
    """
    before = signal.getsignal(signal.SIGINT)
    is_ours = before in (signal.SIG_DFL, signal.default_int_handler)
    if not is_ours or current_thread() is not main_thread():  # ignored, as in the background
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)
