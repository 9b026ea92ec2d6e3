"""The fields of a report's row in words, for the table and the page."""

from infra.cli.render import counted
from infra.operate.report import MAX_AGE_DAYS, ReportLine, is_too_old

_REFRESHES = {"none": "none in six weeks", "not-asked": "not asked"}


def moment(date: str) -> str:
    """A date of AWS's to the minute: 2026-06-15 17:00Z."""
    return f"{date[:10]} {date[11:16]}Z"


def held_words(row: ReportLine, held: str = "") -> str:
    """Since when, by whom, until when and why; empty if it is not held.

    Args:
        row: Any.
        held: The word before it; none below a heading that has it.
    """
    if not row.held:
        return ""
    since = f" since {moment(row.held_since)}" if row.held_since else ""
    who = f" by {row.held_by}" if row.held_by else ""
    until = f" until {moment(row.held_until)}" if row.held_until else ""
    words = f"{held}{since}{who}{until}".strip() or "yes"
    return f"{words}: {row.hold_reason or 'no reason given'}"


def refresh_words(row: ReportLine) -> str:
    """How the last instance refresh of its group ended, and when; empty if it has no group."""
    status = row.last_refresh
    if status is None:
        return ""
    when = ""
    if row.last_refresh_ended:
        when = f", ended {moment(row.last_refresh_ended)}"
    elif row.last_refresh_started:
        when = f", started {moment(row.last_refresh_started)}"
    return _REFRESHES.get(status, status) + when


def age_words(row: ReportLine) -> str:
    """The image's age: `161 days, over 90`."""
    days = row.image_age_days
    if days is None:
        return "unknown"
    over = f", over {MAX_AGE_DAYS}" if is_too_old(row) else ""
    return f"{counted(days, 'day')}{over}"


def behind_words(row: ReportLine) -> str:
    """How many newer images could be taken."""
    if row.images_behind is None:
        return "unknown"
    return str(row.images_behind)


def version_words(row: ReportLine) -> str:
    """The version that launched the instance, and the default if that is another one."""
    if row.kind != "instance":
        return str(row.default_version)
    if row.version is None:
        return "unknown"
    other = f", default {row.default_version}" if row.version != row.default_version else ""
    return f"{row.version}{other}"
