"""The packages that jobs use, imported once, and a fork of that process for each script.

Importing torch, OpenCV, pandas and matplotlib takes longer than what most jobs of a small run do.
`start` gives a program that takes the place of Python for Snakemake's scripts. As a program, this
module is the process that is forked.
"""

import atexit
import contextlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PACKAGES = (
    *("torch", "torchvision", "cv2", "numpy", "scipy.ndimage", "scipy.linalg", "scipy.optimize"),
    *("pandas", "PIL.Image", "matplotlib.pyplot", "safetensors.torch", "pydantic", "jinja2"),
    *("facenet_pytorch", "pytorch_fid.inception", "efficientnet_lite_pytorch", "tqdm"),
    *("snakemake.script", "snakemake.logging"),
)
# a Python without packages starts in a hundredth of a second
CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
socket.send_fds(server, [b"."], [0, 1, 2])
run = dict(script=sys.argv[1], folder=os.getcwd(), environment=dict(os.environ))
server.sendall(json.dumps(run).encode())
server.shutdown(socket.SHUT_WR)
status = int(server.recv(16))
if status < 0:  # a signal ended the script
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def start(environment: dict[str, str]) -> str:
    """Start the process; it ends with this one. Gives the program that runs a script in a fork."""
    folder = Path(tempfile.mkdtemp(prefix="scripts-"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket"))
    listener.listen(64)
    client = folder / "python"
    client.write_text(CLIENT.format(python=sys.executable, address=str(folder / "socket")))
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    subprocess.Popen(
        [sys.executable, "-P", __file__, str(listener.fileno())],
        stdin=subprocess.PIPE,  # its end is the end of this process
        pass_fds=[listener.fileno()],
        env=environment,
    )
    return str(client)


def script_in_a_fork(listener: socket.socket) -> str:
    """Answers until the starting process ends; returns in the fork of each script, prepared for
    it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return answered(connection)
        connection.close()
    shutil.rmtree(Path(listener.getsockname()).parent)
    sys.exit()


def answered(connection: socket.socket) -> str:
    """The script of a connection, in a fork that ends with the connection's client. The exit status
    goes back through the connection."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as stream:
        run = json.load(stream)
    script = os.fork()
    if script:
        ends = select.poll()
        ends.register(connection, 0)  # hangs up if the client is killed
        ends.register(os.pidfd_open(script), select.POLLIN)
        if all(ended == connection.fileno() for ended, _ in ends.poll()):
            os.kill(script, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(script, 0)[1])
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(str(status).encode())
        os._exit(0)
    connection.close()
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(run["folder"])
    os.environ.clear()
    os.environ.update(run["environment"])
    return run["script"]


if __name__ == "__main__":
    for package in PACKAGES:
        __import__(package)
    script = script_in_a_fork(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = [script]
    sys.path[:0] = [str(Path(script).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    status = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)  # tidying up all packages takes five seconds
