"""A Node process that answers JSON lines, within a time limit on each answer and a memory bound."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

import psutil

from fimscope.errors import UserError
from fimscope.typescript.results import TypeScriptError

SERVICE = Path(__file__).parent / "service.mjs"
NODE_PACKAGES = ("typescript", "typescript-native", "acorn", "eslint-scope")
START_SECONDS = 120.0
NODE_OPTIONS = (
    "--stack-size=4000",  # KiB: programs nest deeper than V8's default bears
    "--max-old-space-size=2048",  # MiB: V8 ends the process that needs more
    "--max-semi-space-size=32",  # MiB: syntax trees outlive a smaller one, a quarter of the time
)
MEMORY_BOUND = 3 << 30  # bytes resident, of the process and the native compiler that it starts
REQUESTS_A_LOOK = 25  # a look at the memory takes as long as a small request


class NodeService:
    """The process that runs `service.mjs`: started at the first request, and after it has ended.

    It is ended when it passes the time limit of a request or the memory bound, and when it dies.
    """

    def __init__(
        self,
        seconds_per_request: float,
        memory_bound: int = MEMORY_BOUND,
        first_request: Mapping[str, Any] | None = None,
    ):
        self.seconds_per_request = seconds_per_request
        self.memory_bound = memory_bound
        self.first_request = first_request  # what each process is told at its start
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._unread = b""
        self._served = 0
        self._abandoned = False

    @property
    def pid(self) -> int | None:
        """The process id, None before the first request and after a failure."""
        return self._process.pid if self._process else None

    def ask(self, command: str, **request: Any) -> Any:
        """The result of one request.

        A process that dies of it may die of what earlier requests left there: a fresh one is asked
        again.

        raises TypeScriptError with the service's reason, `time_limit`, or `compiler_failed`
        raises UserError where Node or its packages are missing
        """
        line = json.dumps({"command": command, **request}).encode() + b"\n"
        try:
            answer = json.loads(self._answer(line))
        except TypeScriptError as error:
            if error.reason != "compiler_failed" or self._served == 0 or self._abandoned:
                raise
            answer = json.loads(self._answer(line))
        if "reason" in answer:
            raise TypeScriptError(answer["reason"], answer["detail"])
        return answer["result"]

    def abandon(self) -> None:
        """End the process under the request of another thread, which then raises; ask no more."""
        self._abandoned = True
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the process."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                stream.close()
        self._process, self._unread = None, b""

    def _answer(self, line: bytes) -> bytes:
        self._start()
        answer = self._exchange(line, self.seconds_per_request)
        self._served += 1
        if self._served % REQUESTS_A_LOOK == 0 and self._is_too_large():
            self.stop()
        return answer

    def _is_too_large(self) -> bool:
        return resident_bytes(self._process.pid) > self.memory_bound

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()
        if self._abandoned:
            raise TypeScriptError("compiler_failed", "no longer wanted")
        self._served = 0
        node = find_node()
        require_packages()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in stop)
        self._process = subprocess.Popen(
            [node, *NODE_OPTIONS, str(SERVICE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            # `node` may be a script around the real one: its group is ended as a whole.
            start_new_session=True,
        )
        os.set_blocking(self._process.stdin.fileno(), False)
        os.set_blocking(self._process.stdout.fileno(), False)
        self._exchange(b"", START_SECONDS)
        if self.first_request is not None:
            self._exchange(json.dumps(self.first_request).encode() + b"\n", START_SECONDS)

    def _exchange(self, to_write: bytes, seconds: float) -> bytes:
        """Write a request and read one line; whatever goes wrong, the process is gone after it."""
        deadline = time.monotonic() + seconds
        unwritten = memoryview(to_write)
        stdin, stdout = self._process.stdin, self._process.stdout
        received = [self._unread]
        while b"\n" not in received[-1]:
            left = deadline - time.monotonic()
            if left <= 0:
                self.stop()
                raise TypeScriptError("time_limit", f"no answer in {seconds:g} s")
            readable, writable, _ = select.select(
                [stdout], [stdin] if unwritten else [], [], min(left, 1.0)
            )
            if to_write and not (readable or writable) and self._is_too_large():
                self.stop()
                raise TypeScriptError("compiler_failed", f"more than {self.memory_bound} bytes")
            try:
                if writable:
                    unwritten = unwritten[os.write(stdin.fileno(), unwritten[:65536]) :]
                if readable:
                    chunk = os.read(stdout.fileno(), 1 << 20)
                    if not chunk:
                        raise BrokenPipeError
                    received.append(chunk)
            except BrokenPipeError:
                raise TypeScriptError("compiler_failed", self._epitaph()) from None
        line, _, self._unread = b"".join(received).partition(b"\n")
        return line

    def _epitaph(self) -> str:
        """How the process ended, and the last that it said; the process is gone after it."""
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        errors = [line.strip() for line in said if "error: " in line.lower()] or said[-1:]
        self.stop()
        return f"Node ended with status {status}: {(errors or ['no message'])[0][:300]}"


def find_node() -> str:
    """The path of Node: beside this Python first, then on PATH. Raises UserError."""
    beside = Path(sys.executable).parent / "node"
    node = str(beside) if beside.is_file() else shutil.which("node")
    if node is None:
        raise UserError(
            f"node: not found beside {sys.executable} nor on PATH; "
            "run `pip install -r requirements.txt`, which brings it"
        )
    return node


def resident_bytes(pid: int) -> int:
    """The memory of a process and of all that it started, in bytes; 0 where it has ended."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += member.memory_info().rss
    return total


def require_packages() -> None:
    """Raise UserError where a Node package is in no node_modules folder above this file."""
    for package in NODE_PACKAGES:
        package_folder(package)


def package_folder(package: str) -> Path:
    """Where a Node package is installed, in the nearest node_modules folder. Raises UserError."""
    for folder in SERVICE.parents:
        if (folder / "node_modules" / package).is_dir():
            return folder / "node_modules" / package
    raise UserError(
        f"node_modules/{package}: not found in any folder above {SERVICE.parent}; "
        "run `npm ci` in the project's folder"
    )


@cache
def compiler_versions() -> dict[str, str]:
    """The versions of Node and of the Node packages that the service is made of."""
    done = subprocess.run([find_node(), "--version"], capture_output=True, text=True, check=True)
    manifests = {name: package_folder(name) / "package.json" for name in NODE_PACKAGES}
    return {
        "node": done.stdout.strip(),
        **{
            name: json.loads(path.read_text(encoding="utf-8"))["version"]
            for name, path in manifests.items()
        },
    }
