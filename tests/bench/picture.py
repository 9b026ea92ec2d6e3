"""Draw it: `python -m tests.bench.cold --json | python -m tests.bench.picture`."""

import json
import sys
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("cold.svg")
_BAR, _STEP, _LEFT, _WIDTH = 20, 32, 190, 430  # pixels
_COLOURS = {"init_ms": "#4878a8", "invoke_ms": "#e0a030"}


def picture(figures: dict[str, Any]) -> str:
    """A bar for each, Init and Invoke one after the other."""
    contestants = figures["contestants"]
    longest = max(one["total_ms"] for one in contestants.values())
    height = _STEP * (len(contestants) + 1)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{height}"'
        ' font-family="sans-serif" font-size="13">'
    )
    bars = [
        _bar(number, name, one, _WIDTH / longest)
        for number, (name, one) in enumerate(contestants.items())
    ]
    legend = f"Init, then Invoke; medians of {figures['rounds']}, {figures['machine']}"
    foot = f'<text x="{_LEFT}" y="{height - 10}" fill="#666">{legend}</text></svg>'
    return "\n".join([head, *bars, foot]) + "\n"


def _bar(number: int, name: str, one: dict[str, float], scale: float) -> str:
    top = number * _STEP + 8
    parts, x = [], float(_LEFT)
    for figure, colour in _COLOURS.items():
        width = one[figure] * scale
        parts.append(
            f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'
        )
        x += width
    label = f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{name}</text>'
    total = f'<text x="{x + 6:.1f}" y="{top + 15}">{one["total_ms"]:.0f} ms</text>'
    return label + "".join(parts) + total


if __name__ == "__main__":
    _FILE.write_text(picture(json.load(sys.stdin)))
