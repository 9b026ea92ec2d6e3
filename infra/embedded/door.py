"""Who may use the embedded AWS's server: programs of this machine, and never a web page.

Any page that is open in a browser may send requests to a loopback port. A browser marks them with
headers that a page cannot leave out: https://fetch.spec.whatwg.org/#origin-header,
https://www.w3.org/TR/fetch-metadata/. A page whose own name points to 127.0.0.1 (DNS rebinding)
still sends that name as the Host. Neither SDKs nor curl send such headers.
"""

from collections.abc import Mapping
from typing import Any

Environ = Mapping[str, Any]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HTTP = 80  # the port that clients leave out
_OF_A_PAGE = (
    ("Origin", "HTTP_ORIGIN"),
    ("Referer", "HTTP_REFERER"),
    ("Access-Control-Request-Method", "HTTP_ACCESS_CONTROL_REQUEST_METHOD"),
    ("Access-Control-Request-Headers", "HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
)


def closed_to(request: Environ, port: int) -> str | None:
    """Why a request is refused, in one line; None if it is let in.

    Args:
        request: A WSGI environment, as werkzeug's server makes it.
        port: The server's port.
    """
    return _odd_target(request) or _other_host(request, port) or _page(request)


def _odd_target(request: Environ) -> str | None:
    target = str(request.get("RAW_URI", ""))
    # werkzeug takes the Host from an absolute target, and reads "//reactor/faults" as one slash
    is_path = target.startswith("/") and not target.startswith("//")
    return None if is_path else "the target of a request must be a path that begins with one /"


def _other_host(request: Environ, port: int) -> str | None:
    # two Host headers arrive as one, with a comma
    host = str(request.get("HTTP_HOST", "")).lower()
    ours = [f"{name}:{port}" for name in _LOOPBACK]
    if host in ours or (port == _HTTP and host in _LOOPBACK):
        return None
    return f"the Host must be {' or '.join(ours)}"


def _page(request: Environ) -> str | None:
    sent = next((header for header, key in _OF_A_PAGE if key in request), None)
    if sent:
        return f"a web page may not ask: the request has the header {sent}"
    if request.get("REQUEST_METHOD") == "OPTIONS":
        return "a web page may not ask: OPTIONS is what a browser asks on its behalf"
    if request.get("HTTP_SEC_FETCH_SITE", "none") != "none":
        return "a web page may not ask: the request's Sec-Fetch-Site must be none"
    return None
