"""A Node process that answers JSON lines, within limits on what one answer may cost.

An answer depends on its request alone. What depends on the machine, the end of the process from
outside or processor time, raises CompilerStoppedError, which ends the step; what a request may
cost of text, nodes, depth and checks is the business of the service (limits.mjs).
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from fimscope.errors import UserError
from fimscope.typescript.group import ProcessGroup
from fimscope.typescript.results import CompilerStoppedError, TypeScriptError

SERVICE = Path(__file__).parent / "service.mjs"
NODE_PACKAGES = ("typescript", "typescript-native", "acorn", "eslint-scope")
NODE_OPTIONS = (
    "--stack-size=4000",  # KiB: programs nest deeper than V8's default bears
    "--max-old-space-size=2048",  # MiB: V8 ends the process that needs more
    "--max-semi-space-size=32",  # MiB: syntax trees outlive a smaller one, a quarter of the time
    "--disable-warning=ExperimentalWarning",  # the types are blanked out by an experimental call
)
CPU_SECONDS = 600.0  # of one request; the costliest that limits.mjs lets through takes a tenth
MEMORY_BOUND = 3 << 30  # bytes resident, of the process and the native compiler that it starts
REQUESTS_A_LOOK = 25  # a look at the memory takes as long as a small request
IDLE_LOOKS = 600  # without any processor time: the process waits for something that never comes
# How a process ends of what it was asked: V8 and the native compiler abort, or break their memory.
OWN_SIGNALS = {
    *(signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP)
}


class NodeService:
    """The process that runs `service.mjs`: started at the first request, and after it has ended.

    It is ended when a request takes too long or when it passes the memory bound, and when it dies.
    """

    def __init__(
        self,
        cpu_seconds: float = CPU_SECONDS,
        memory_bound: int = MEMORY_BOUND,
        first_request: Mapping[str, Any] | None = None,
    ):
        self.cpu_seconds = cpu_seconds
        self.memory_bound = memory_bound
        self.first_request = first_request  # what each process is told at its start
        self._group: ProcessGroup | None = None
        self._errors: IO[bytes] | None = None
        self._unread = b""
        self._served = 0
        self._abandoned = False

    @property
    def pid(self) -> int | None:
        """The process id, None before the first request and after a failure."""
        return self._group.pid if self._group else None

    def ask(self, command: str, **request: Any) -> Any:
        """The result of one request.

        A process that dies of it may die of what earlier requests left there: a fresh one is asked
        again.

        raises TypeScriptError with the service's reason, or `compiler_failed`
        raises CompilerStoppedError where the process is ended from outside, or computes too long
        raises UserError where Node or its packages are missing
        """
        line = json.dumps({"command": command, **request}).encode() + b"\n"
        try:
            answer = json.loads(self._answer(line))
        except _DeathError as death:
            if self._abandoned:
                raise TypeScriptError("compiler_failed", "no longer wanted") from None
            if death.served == 0:
                raise death.verdict() from None
            try:
                answer = json.loads(self._answer(line))
            except _DeathError as again:
                raise again.verdict() from None
        if "stopped" in answer:
            raise CompilerStoppedError(_stopped(answer["stopped"]))
        if "reason" in answer:
            raise TypeScriptError(answer["reason"], answer["detail"])
        return answer["result"]

    def abandon(self) -> None:
        """End the process under the request of another thread, which then raises; ask no more."""
        self._abandoned = True
        group = self._group
        if group is not None:
            group.kill()

    def stop(self) -> None:
        """End the process."""
        if self._group is None:
            return
        self._group.stop()
        self._errors.close()
        self._group, self._unread = None, b""

    def _answer(self, line: bytes) -> bytes:
        self._start()
        answer = self._exchange(line)
        self._served += 1
        if self._served % REQUESTS_A_LOOK == 0 and self._is_too_large():
            self.stop()
        return answer

    def _is_too_large(self) -> bool:
        return self._group.resident_bytes() > self.memory_bound

    def _start(self) -> None:
        if self._group is not None and self._group.is_running():
            return
        self.stop()
        if self._abandoned:
            raise TypeScriptError("compiler_failed", "no longer wanted")
        self._served = 0
        require_packages()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in stop)
        self._group = ProcessGroup([find_node(), *NODE_OPTIONS, str(SERVICE)], self._errors)
        os.set_blocking(self._group.process.stdin.fileno(), False)
        os.set_blocking(self._group.process.stdout.fileno(), False)
        try:
            self._exchange(b"")
            if self.first_request is not None:
                self._exchange(json.dumps(self.first_request).encode() + b"\n")
        except _DeathError as death:
            raise CompilerStoppedError(_stopped(death.detail)) from None

    def _exchange(self, to_write: bytes) -> bytes:
        """Write a request and read one line; whatever goes wrong, the process is gone after it."""
        unwritten = memoryview(to_write)
        stdin, stdout = self._group.process.stdin, self._group.process.stdout
        received = [self._unread]
        effort = _Effort(self._group)
        while b"\n" not in received[-1]:
            readable, writable, _ = select.select([stdout], [stdin] if unwritten else [], [], 1.0)
            if not (readable or writable):
                self._look(effort)
                if to_write and self._is_too_large():
                    self.stop()
                    raise _DeathError(None, f"more than {self.memory_bound} bytes", self._served)
            try:
                if writable:
                    unwritten = unwritten[os.write(stdin.fileno(), unwritten[:65536]) :]
                if readable:
                    chunk = os.read(stdout.fileno(), 1 << 20)
                    if not chunk:
                        raise BrokenPipeError
                    received.append(chunk)
            except BrokenPipeError:
                raise self._death() from None
        line, _, self._unread = b"".join(received).partition(b"\n")
        return line

    def _look(self, effort: "_Effort") -> None:
        """Raise where a request has cost too much time; the process is gone then."""
        effort.look()
        if effort.seconds > self.cpu_seconds or effort.idle_looks > IDLE_LOOKS:
            self.stop()
            raise CompilerStoppedError(
                f"the TypeScript compiler had no answer after {effort.seconds:.0f} s of computing; "
                "take this program out of the source, or allow more with --seconds"
            )

    def _death(self) -> "_DeathError":
        """How the process ended, and the last that it said; the process is gone after it."""
        status = self._group.process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        errors = [line.strip() for line in said if "error: " in line.lower()] or said[-1:]
        self.stop()
        detail = f"Node ended with status {status}: {(errors or ['no message'])[0][:300]}"
        return _DeathError(status, detail, self._served)


class _Effort:
    """The processor time that a group has used since the first look, and looks that saw none."""

    def __init__(self, group: ProcessGroup):
        self._group = group
        self._last: float | None = None
        self.seconds = 0.0
        self.idle_looks = 0

    def look(self) -> None:
        now = self._group.cpu_seconds()
        # Less than before where a process of the group has ended since.
        used = max(0.0, now - self._last) if self._last is not None else 0.0
        self._last = now
        self.seconds += used
        self.idle_looks = 0 if used else self.idle_looks + 1


class _DeathError(Exception):
    """The end of a process under a request: its status, None where it was ended from here."""

    def __init__(self, status: int | None, detail: str, served: int):
        super().__init__(detail)
        self.status, self.detail, self.served = status, detail, served

    def verdict(self) -> Exception:
        """What the death says: of the request where it died of that, else of the machine."""
        if self.status is not None and self.status < 0 and -self.status not in OWN_SIGNALS:
            return CompilerStoppedError(_stopped(self.detail))
        return TypeScriptError("compiler_failed", self.detail)


def _stopped(detail: str) -> str:
    return (
        f"the TypeScript compiler was ended from outside ({detail}), as happens where memory runs "
        "out; give the step more memory or fewer --workers, and run the same command again"
    )


def find_node() -> str:
    """The path of Node itself: beside this Python first, then on PATH. Raises UserError."""
    beside = Path(sys.executable).parent / "node"
    node = str(beside) if beside.is_file() else shutil.which("node")
    if node is None:
        raise UserError(
            f"node: not found beside {sys.executable} nor on PATH; "
            "run `pip install -r requirements.txt`, which brings it"
        )
    return _executable(node)


@cache
def _executable(node: str) -> str:
    """What `node` runs: it may be a script around Node, which hides how Node ended."""
    done = subprocess.run([node, "-p", "process.execPath"], capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"{node}: ended with status {done.returncode}; install Node again")
    return done.stdout.strip()


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
        "run `npm ci` in the project's folder; where pip has installed fimscope, in "
        f"{sys.prefix}, with the project's package.json and package-lock.json"
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
