"""Whether AWS calls are shown, which is said before the verb is known."""


class Debug:
    """Whether `--debug` was given."""

    is_on = False


def set_debug(is_on: bool) -> None:
    """Show each AWS call of the verb that follows, or do not."""
    Debug.is_on = is_on
