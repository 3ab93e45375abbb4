"""Run a command on a Slurm of this machine's own: munge, a controller and one node on loopback.

    python tests/helpers/slurm.py snakemake --workflow-profile profiles/slurm

Needs root and Debian's slurmctld, slurmd, slurm-client and munge. Slurm drops SLURM_CONF on the way
into a job, so the configuration must stand in /etc/slurm: the files written there go away with the
daemons, and where a configuration stands already, nothing is started. The daemons listen on
loopback, on ports of their own; the node announces more processors and memory than it has, and two
GPUs. With slurmdbd and mariadb-server at hand, `--accounting` before the command keeps what sacct
tells.
"""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacct", "sacctmgr")
CONFIG = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf", "slurmdbd.conf")
CLUSTER = f"loopback{os.getpid()}"  # stands in the environment of every process of a job
NODE = socket.gethostname().split(".")[0]
N_CPUS = 8
N_GPUS = 2
MEMORY_MB = 32000  # of the largest group's steps side by side, more than the machine may have


def why_not(accounting: bool = False) -> str | None:
    """The reason why no Slurm can be started here, if there is one."""
    needed = PROGRAMS + (ACCOUNTING if accounting else ())
    if missing := [name for name in needed if not find_program(name)]:
        return f"{', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "needs root"
    if any((CONFIG / name).exists() for name in FILES):
        return f"{CONFIG} holds the configuration of another Slurm"
    return None


def find_program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@contextlib.contextmanager
def running_slurm(accounting: bool = False) -> Iterator[Path]:
    """Gives the folder with the daemons' logs; ends the jobs and the daemons afterwards.

    raises  RuntimeError where Slurm cannot be started, with the daemon's last words
    """
    if reason := why_not(accounting):
        raise RuntimeError(reason)
    with contextlib.ExitStack() as stack:
        # Not under a test's own folder: a socket's path has at most 107 characters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
        folder.chmod(0o755)
        database_port, accounting_port = free_ports(2) if accounting else (0, 0)
        stack.enter_context(configured(folder, database_port, accounting_port))
        munge = ["--foreground", f"--socket={folder}/munge.socket", f"--key-file={folder}/key"]
        munge += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
        stack.enter_context(daemon(folder, "munged", *munge))
        wait_for("munged", folder, (folder / "munge.socket").exists)
        if accounting:
            stack.enter_context(accounts(folder, database_port))
        stack.enter_context(daemon(folder, "slurmctld", "-D"))
        stack.enter_context(daemon(folder, "slurmd", "-D"))
        wait_for("slurmctld", folder, lambda: node_state() == "idle")
        stack.callback(end_jobs)
        yield folder


@contextlib.contextmanager
def accounts(folder: Path, database_port: int) -> Iterator[None]:
    """A database and slurmdbd, which knows this cluster and the account `research`."""
    where = [f"--datadir={folder}/database", "--user=root"]
    subprocess.run(
        [find_program("mariadb-install-db"), *where, "--auth-root-authentication-method=normal"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    where += [f"--socket={folder}/mariadb.socket", f"--pid-file={folder}/mariadb.pid"]
    where += ["--bind-address=127.0.0.1", f"--port={database_port}", "--skip-grant-tables"]
    with daemon(folder, "mariadbd", "--no-defaults", *where):
        wait_for("mariadbd", folder, (folder / "mariadb.socket").exists, 60)
        with daemon(folder, "slurmdbd", "-D"):
            wait_for("slurmdbd", folder, lambda: bool(ask("sacctmgr", "-n", "show", "user")), 60)
            for words in (
                ("cluster", CLUSTER),
                ("account", "research", f"cluster={CLUSTER}"),
                ("user", "root", "account=research"),
            ):
                ask("sacctmgr", "--immediate", "add", *words)
            yield


@contextlib.contextmanager
def configured(folder: Path, database_port: int, accounting_port: int) -> Iterator[None]:
    """The configuration stands in /etc/slurm meanwhile."""
    new_folder = not CONFIG.exists()
    CONFIG.mkdir(exist_ok=True)
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o400)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    for k in range(N_GPUS):  # what a GPU is to the scheduler: a device file
        os.mknod(folder / f"gpu{k}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    files = {"slurm.conf": slurm_conf(folder, accounting_port), "gres.conf": gres_conf(folder)}
    if accounting_port:
        files["slurmdbd.conf"] = slurmdbd_conf(folder, database_port, accounting_port)
    try:
        for name, text in files.items():
            (CONFIG / name).write_text(text)
            (CONFIG / name).chmod(0o600 if name == "slurmdbd.conf" else 0o644)
        yield
    finally:
        for name in files:
            (CONFIG / name).unlink(missing_ok=True)
        if new_folder:
            CONFIG.rmdir()


def slurm_conf(folder: Path, accounting_port: int) -> str:
    controller_port, node_port = free_ports(2)
    accounting = (
        "AccountingStorageType=accounting_storage/slurmdbd\n"
        f"AccountingStorageHost=127.0.0.1\nAccountingStoragePort={accounting_port}\n"
        f"AccountingStoragePass={folder}/munge.socket"
        if accounting_port
        else "AccountingStorageType=accounting_storage/none"
    )
    return f"""\
ClusterName={CLUSTER}
SlurmctldHost={NODE}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
{accounting}
ReturnToService=2
MinJobAge=86400
KillWait=2
InactiveLimit=0
GresTypes=gpu
NodeName={NODE} NodeAddr=127.0.0.1 CPUs={N_CPUS} RealMemory={MEMORY_MB} Gres=gpu:{N_GPUS}
PartitionName=cpu Nodes={NODE} Default=YES MaxTime=1-00:00:00 State=UP
PartitionName=gpu Nodes={NODE} MaxTime=1-00:00:00 State=UP
"""


def slurmdbd_conf(folder: Path, database_port: int, accounting_port: int) -> str:
    return f"""\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={accounting_port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
CommunicationParameters=NoCtldInAddrAny
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=root
StorageLoc=slurm
"""


def gres_conf(folder: Path) -> str:
    return f"AutoDetect=off\nName=gpu File={folder}/gpu[0-{N_GPUS - 1}]\n"


def free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def daemon(folder: Path, name: str, *words: str) -> Iterator[None]:
    """A daemon in the foreground, its words in a log; ended by its handle."""
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [find_program(name), *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(name: str, folder: Path, ready: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            logs = "\n".join(log.read_text()[-1500:] for log in sorted(folder.glob("*.log")))
            raise RuntimeError(f"{name} was not ready after {seconds} s:\n{logs}")
        time.sleep(0.2)


def ask(*words: str) -> str:
    """What a Slurm command prints; nothing where it fails."""
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def node_state() -> str:
    return ask("sinfo", "--noheader", "--partition=cpu", "--format=%T")


def end_jobs() -> None:
    """End every job of this Slurm, and the processes that a lost node forgot."""
    ask("scancel", "--user=root", "--full")
    end = time.monotonic() + 30
    while ask("squeue", "--noheader") and time.monotonic() < end:
        time.sleep(0.5)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SLURM_CLUSTER_NAME") == CLUSTER:
                process.kill()


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):  # so that the daemons end too
        signal.signal(ending, lambda number, frame: sys.exit(128 + number))
    command = sys.argv[1:]
    accounting = command[:1] == ["--accounting"]
    with running_slurm(accounting):
        # In a group of its own, so that what the command started ends with it.
        process = subprocess.Popen(command[accounting:], process_group=0)
        try:
            status = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    sys.exit(status)
