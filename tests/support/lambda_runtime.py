"""A stand-in for Lambda around the real awslambdaric: one cold process, one event, then the end.

The Runtime API is the whole of what a runtime sees of Lambda:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

RUNTIME = ("awslambdaric", "simplejson", "snapshot-restore-py")
"""What of the distributions here is in Lambda's own folder, /var/runtime."""

_NEXT = "/2018-06-01/runtime/invocation/next"


@dataclass(frozen=True)
class Invocation:
    """What became of one event in one process.

    Attributes:
        kind: `response`, `error` (the handler raised), `init/error`, or `exit`.
        payload: What the runtime posted.
        init_seconds: From the start of the process until it asks for an event.
        seconds: From the start of the process until it has answered.
        cpu_seconds: Of the process, user and system.
        peak_mib: Its resident set at its largest.
        log: What it printed, which Lambda would send to the log group.
    """

    kind: str
    payload: Any
    init_seconds: float
    seconds: float
    cpu_seconds: float
    peak_mib: float
    log: str


@dataclass(frozen=True)
class Function:
    """A deployed function.

    Attributes:
        code: The unpacked archive; the working directory.
        runtime: The folder with the runtime, as `runtime_folder` makes it.
        environment: What the stack's template declares.
    """

    code: Path
    runtime: Path
    handler: str
    account: str
    region: str
    environment: dict[str, str]
    name: str = "ami-reactor"
    timeout_seconds: int = 120
    memory_mb: int = 256
    python: str = sys.executable

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    def invoke(self, event: Any, **environment: str) -> Invocation:
        """Start cold and handle one event.

        Args:
            event: The payload.
            environment: Variables of this invocation, such as AWS_ENDPOINT_URL.
        """
        with _runtime_api(self, json.dumps(event).encode()) as api, tempfile.TemporaryFile() as log:
            start = time.perf_counter()
            process = subprocess.Popen(
                # -S: no site-packages. What is not in the archive or the runtime is not there.
                [self.python, "-S", "-m", "awslambdaric", self.handler],
                cwd=self.code,
                env=self.variables(api.address) | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            kind, payload, answered = api.answer(process, self.timeout_seconds)
            peak_mib = _peak_mib(process.pid)
            process.kill()
            _, process.returncode, used = os.wait4(process.pid, 0)
            log.seek(0)
            return Invocation(
                kind,
                payload,
                init_seconds=api.asked - start,
                seconds=answered - start,
                cpu_seconds=used.ru_utime + used.ru_stime,
                peak_mib=peak_mib,
                log=log.read().decode(),
            )

    def variables(self, api: str) -> dict[str, str]:
        """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html ."""
        return {
            **self.environment,
            "AWS_LAMBDA_RUNTIME_API": api,
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/06/15/[$LATEST]0123456789abcdef",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "LAMBDA_TASK_ROOT": str(self.code),
            "LAMBDA_RUNTIME_DIR": str(self.runtime),
            "PYTHONPATH": str(self.runtime),
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": self.handler,
        }


def _peak_mib(pid: int) -> float:
    """Not ru_maxrss, which a process inherits from the one that starts it; 0 if it has ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0


def runtime_folder(folder: Path) -> Path:
    """Lambda's own folder: awslambdaric and what it imports, linked from this interpreter's.

    Raises:
        PackageNotFoundError: awslambdaric is not installed.
    """
    for name in RUNTIME:
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or []}:
            if top != "__pycache__" and not top.endswith(".dist-info"):
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder


class _RuntimeApi(ThreadingHTTPServer):
    """One event for the first request; a second request waits for ever, as in Lambda."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, headers: dict[str, str], event: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.headers = headers
        self.events: SimpleQueue[bytes | None] = SimpleQueue()
        self.events.put(event)
        self.posted: SimpleQueue[tuple[str, Any, float]] = SimpleQueue()
        self.asked = 0.0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def answer(self, process: subprocess.Popen[bytes], seconds: float) -> tuple[str, Any, float]:
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline and process.poll() is None:
            try:
                return self.posted.get(timeout=0.5)
            except Empty:
                continue
        return ("exit", process.returncode, time.perf_counter())

    def handle_error(self, *_: object) -> None:
        """The process was killed in the middle of its next question."""


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _RuntimeApi

    def do_GET(self) -> None:
        assert self.path == _NEXT
        self.server.asked = self.server.asked or time.perf_counter()
        event = self.server.events.get()
        if event is not None:
            self._say(200, event, self.server.headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        at = time.perf_counter()
        self._say(202, b"", {})
        _, what, *_, kind = self.path.removeprefix("/2018-06-01").strip("/").split("/")
        kind = f"init/{kind}" if what == "init" else kind
        self.server.posted.put((kind, json.loads(body), at))

    def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A test's output is not the place for it."""


@contextmanager
def _runtime_api(function: Function, event: bytes) -> Iterator[_RuntimeApi]:
    headers = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + function.timeout_seconds) * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": function.arn,
        "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    }
    with _RuntimeApi(headers, event) as api:
        Thread(target=api.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield api
        finally:
            api.events.put(None)  # for the request that waits for a second one
            api.shutdown()
