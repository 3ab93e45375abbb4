"""Programs in forks of one Python that has loaded their libraries, which takes longer than they do.

A fork runs a script, or with `-m` a module, as Python itself would, in a process, folder and
environment of its own. It imports the project's modules anew; what they import it finds loaded.

`warm_python.py serve <socket> <library> ...` is that Python, which says on a socket when it is up;
`warm_python.py <folder> scripts/step.py ...` has a step run there and ends with its exit status.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SERVE = "serve"
OF_STEPS = (
    *("pyarrow.compute", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "jinja2"),
    "pandas",  # which Arrow imports when it makes a table
    *("matplotlib.pyplot", "matplotlib.backends.backend_svg", "matplotlib.backends.backend_agg"),
    *("nnsight", "transformers.modeling_utils", "transformers.models.auto.modeling_auto"),
    *("transformers.models.auto.tokenization_auto", "transformers.models.gpt_bigcode"),
    *("transformers.models.gpt_bigcode.modeling_gpt_bigcode", "safetensors.torch"),
)
OF_SNAKEMAKE = (
    *("snakemake.cli", "snakemake.report", "snakemake.storage", "smart_open", "packaging.version"),
    *("jsonschema", "yte", "docutils.core", "jinja2", "PIL.Image", "platformdirs", "graphlib"),
    *("pyarrow.parquet", "pandas", "scipy.stats"),
)


@contextmanager
def warm_python(
    folder: Path, environment: Mapping[str, str], libraries: Sequence[str] = OF_STEPS
) -> Iterator[list[str]]:
    """Gives the command that is `python`, but is such a fork.

    folder        where the two meet
    environment   what the libraries find when they are loaded: how many threads they may have
    """
    import subprocess

    up, own = socket.socketpair()
    words = [sys.executable, __file__, SERVE, str(own.fileno()), *libraries]
    server = subprocess.Popen(words, cwd=folder, env=environment, pass_fds=[own.fileno()])
    own.close()
    try:
        assert up.recv(1), "it did not come up"
        yield [sys.executable, "-S", "-E", __file__, str(folder)]
    finally:
        server.terminate()
        server.wait()
        up.close()


def in_bash(python: Sequence[str]) -> dict[str, str]:
    """The variables that make `python` this command in every Bash."""
    import shlex

    return {"BASH_FUNC_python%%": f'() {{ {shlex.join(python)} "$@"; }}'}


def serve(up: socket.socket, libraries: Sequence[str]) -> None:
    """Fork for every request, until this process is ended or whoever started it is gone."""
    import gc
    import select
    import signal
    from importlib import import_module

    for name in libraries:
        import_module(name)
    gc.freeze()  # a fork's collector would copy what it only looks at
    listener = socket.socket(socket.AF_UNIX)
    # A path of a socket has a hundred bytes at most: both sides name it from its folder.
    listener.bind("socket")
    listener.listen(64)
    signal.signal(signal.SIGCHLD, lambda *_: reap())
    up.send(b"1")
    while up not in select.select([listener, up], [], [])[0]:
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            up.close()
            return answer(connection)
        connection.close()


def reap() -> None:
    """Forget the forks that have answered."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def answer(connection: socket.socket) -> None:
    """Run the program in one more fork and tell its exit status."""
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    child = os.fork()
    if not child:
        connection.close()
        return run_program(json.loads(request), streams)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.send(str(status).encode())
    os._exit(0)


def run_program(request: dict, streams: list[int]) -> None:
    """What Python does with a script or a module, its words, its folder and its environment.

    It ends as Python does, but that it leaves the libraries as they are: to take them down, a fork
    would copy most of their memory, which takes longer than most steps.
    """
    import atexit
    import threading

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    status = None
    try:
        run_main(request["words"])
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


def run_main(words: list[str]) -> None:
    import runpy

    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path[0] = str(Path(words[0]).resolve().parent)
        runpy.run_path(words[0], run_name="__main__")


def ask(folder: str, words: list[str]) -> int:
    """Have a program run; gives its exit status."""
    request = {"words": words, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        os.chdir(folder)
        connection.connect("socket")
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        status = int(connection.recv(10))
    return status if status >= 0 else 128 - status  # as a shell tells that a signal ended it


if __name__ == "__main__":
    if sys.argv[1] == SERVE:
        serve(socket.socket(fileno=int(sys.argv[2])), sys.argv[3:])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
