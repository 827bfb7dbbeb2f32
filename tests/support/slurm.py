"""A SLURM cluster for tests: munged, slurmctld and two slurmd on this host, a fake GPU each.

Everything lies in one folder and listens on loopback. Daemons are ended by their pid files.
"""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from support.waiting import wait_for

# Snakemake's job steps drop SLURM_CONF: they find the cluster by the link that is set here.
SYSTEM_CONFIGURATION = Path("/etc/slurm/slurm.conf")
NODES = ("node1", "node2")
CPUS, MEMORY_MB = 4, 32000  # of a node, as SLURM sees it; the host has what it has

# A GPU needs a device file of its own: any character device passes for one. Jobs are not told of
# it, or they would take a real one of the same number.
GRES = "Name=gpu File=/dev/zero Flags=no_gpu_env\n"
CGROUP = "CgroupPlugin=cgroup/v1\nIgnoreSystemd=yes\n"
CONFIGURATION = """\
ClusterName=photosketch
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
PropagateResourceLimits=NONE
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=10
# without an accounting service Snakemake asks the controller, which has to remember ended jobs
MinJobAge=3600
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=node[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port={node_ports} CPUs={cpus} \
Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory} Gres=gpu:1
PartitionName=main Nodes=ALL Default=YES DefaultTime=60 State=UP
"""


# SLURM's programs bind to the address that the host's name has: a name that is not loopback's is
# hidden from the daemons and from their jobs.
UNDER_ANOTHER_NAME = ("unshare", "--uts", "sh", "-c", 'hostname localhost; exec "$@"', "sh")


def host_name() -> str:
    """The host's name where it means loopback, else `localhost`."""
    name = socket.gethostname().split(".")[0]
    try:
        return name if socket.gethostbyname(name).startswith("127.") else "localhost"
    except OSError:
        return "localhost"


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@dataclass(frozen=True)
class Cluster:
    """The cluster that lives in `folder`."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which SLURM's commands find this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        """The output of one of SLURM's commands."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Start all daemons and wait until both nodes take jobs."""
        host = host_name()
        controller_port, *ports = free_ports(1 + len(NODES))
        for name in ("controller", *NODES):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        values = {
            "host": host,
            "folder": self.folder,
            "controller_port": controller_port,
            "node_ports": f"[{','.join(map(str, ports))}]",
            "cpus": CPUS,
            "memory": MEMORY_MB,
        }
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
        (self.folder / "gres.conf").write_text(GRES)
        (self.folder / "cgroup.conf").write_text(CGROUP)
        _remove_stale_link()
        SYSTEM_CONFIGURATION.symlink_to(self.folder / "slurm.conf")
        self._start_munge()
        self._daemon("slurmctld")
        for node in NODES:
            self.start_node(node)
        wait_for("nodes", 60, lambda: self.idle_nodes() == len(NODES))

    def _start_munge(self) -> None:
        secret = self.folder / "munge"
        secret.mkdir(mode=0o700)
        (secret / "key").write_bytes(os.urandom(128))
        (secret / "key").chmod(0o600)
        self._daemon(
            "munged",
            f"--key-file={secret}/key",
            f"--seed-file={secret}/seed",
            f"--log-file={secret}/log",
            f"--socket={self.folder}/munge.sock",
            f"--pid-file={self.folder}/munged.pid",
        )

    def start_node(self, node: str) -> None:
        """Start the daemon of one node."""
        self._daemon("slurmd", "-N", node)

    def _daemon(self, *command: str) -> None:
        """Run a command that goes to the background by itself."""
        done = subprocess.run(
            [*(UNDER_ANOTHER_NAME if host_name() == "localhost" else ()), *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(self.folder / f"{command[0]}.stderr", "w"),
            timeout=60,
        )
        said = (self.folder / f"{command[0]}.stderr").read_text()
        assert done.returncode == 0, f"{' '.join(command)}: {said}"

    def idle_nodes(self) -> int:
        """How many nodes take jobs and have none."""
        return self.run("sinfo", "-h", "-N", "-o", "%T").split().count("idle")

    def jobs(self) -> list[dict[str, str]]:
        """All jobs that the controller remembers, oldest first, as scontrol shows them."""
        lines = self.run("scontrol", "show", "job", "-o").splitlines()
        shown = [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in lines
            if line.startswith("JobId=")
        ]
        return sorted(shown, key=lambda job: int(job["JobId"]))

    def crash(self, node: str) -> None:
        """End a node at once: its daemon, its jobs' step daemons and all their processes."""
        pid = int((self.folder / f"{node}.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        for process in self._processes_of(node):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _processes_of(self, node: str) -> list[int]:
        """The jobs' processes on a node, and the step daemons that are their parents."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"SLURMD_NODENAME={node}\0" not in (entry / "environ").read_text():
                    continue
                found.append(int(entry.name))
                parent = next(
                    line.split()[1]
                    for line in (entry / "status").read_text().splitlines()
                    if line.startswith("PPid:")
                )
                if Path(f"/proc/{parent}/comm").read_text() == "slurmstepd\n":
                    found.append(int(parent))
            except (OSError, UnicodeDecodeError):
                continue
        return found

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        try:
            if (self.folder / "slurmctld.pid").exists():
                self.run("scancel", "--user=root")
                wait_for("end of the jobs", 40, lambda: not self.run("squeue", "-h").split())
        finally:
            for name in (*NODES, "slurmctld", "munged"):
                _end(self.folder / f"{name}.pid")
            link = SYSTEM_CONFIGURATION
            if link.is_symlink() and link.readlink() == self.folder / "slurm.conf":
                link.unlink()


def _remove_stale_link() -> None:
    """Remove the link of a test run that was killed, whose folder may still be there."""
    link = SYSTEM_CONFIGURATION
    if link.is_symlink():
        pid_file = link.readlink().parent / "slurmctld.pid"
        if not pid_file.exists() or not _alive(int(pid_file.read_text())):
            link.unlink()
    assert not link.exists(), f"{link}: a SLURM is here already"


def _end(pid_file: Path) -> None:
    """End a daemon and wait until it is gone (or a zombie that nobody reaps)."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    wait_for(f"end of {pid_file.stem}", 20, lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
