"""A headless Chromium, driven by its own driver through the W3C's protocol: no package is needed.

https://www.w3.org/TR/webdriver2/; on Debian, `apt-get install chromium chromium-driver`.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's own key
_SECONDS = 30  # for an answer


def why_no_browser() -> str:
    """Why there is none; empty if there is one."""
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else ""


class Browser:
    """One window."""

    def __init__(self, driver: str) -> None:
        self._url = driver
        options = {"args": _ARGUMENTS, "binary": shutil.which("chromium")}
        wanted = {"goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": options}
        made = self._post("/session", capabilities={"alwaysMatch": wanted})
        self._url = f"{driver}/session/{made['sessionId']}"

    def open(self, file: Path) -> None:
        self._post("/url", url=file.as_uri())

    def script(self, text: str) -> Any:
        """What JavaScript returns."""
        return self._post("/execute/sync", script=text, args=[])

    def click(self, selector: str) -> None:
        """As a person does: at its place, once it is in sight."""
        found = self._post("/element", using="css selector", value=selector)
        self._post(f"/element/{found[_ELEMENT]}/click")

    def type(self, selector: str, text: str) -> None:
        found = self._post("/element", using="css selector", value=selector)
        self._post(f"/element/{found[_ELEMENT]}/value", text=text)

    def complaints(self) -> list[str]:
        """What it wrote to its console since it was last asked, such as errors of scripts."""
        return [entry["message"] for entry in self._post("/se/log", type="browser")]

    def show(self, *, width: int, scheme: str) -> None:
        """As wide as that many pixels, and `light` or `dark`."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._devtools("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", features=features)

    def printed(self) -> str:
        """The page on paper: a PDF, in base64."""
        paper: str = self._post("/print")
        return paper

    def close(self) -> None:
        self._ask("DELETE", "", None)

    def _devtools(self, command: str, **parameters: Any) -> Any:
        return self._post("/goog/cdp/execute", cmd=command, params=parameters)

    def _post(self, path: str, **body: Any) -> Any:
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"}
        request = Request(self._url + path, body, headers, method=method)
        with urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)["value"]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start it, and its driver on a free port; both end with the block."""
    command = ["chromedriver", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout
            ports = (
                re.search(r"started successfully on port (\d+)", line) for line in driver.stdout
            )
            port = next(found[1] for found in ports if found)
            window = Browser(f"http://127.0.0.1:{port}")
            try:
                yield window
            finally:
                window.close()
        finally:
            driver.terminate()
