# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines that start from a saved state, each in about a second."""

import contextlib
import fcntl
import json
import os
import shlex
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from io import BytesIO
from pathlib import Path

import cache
import guest
import root
from guest import CommandFailed, MachineDied
from kernel import SUITES, Kernel

QEMU = "qemu-system-x86_64"
CPUS = 2
MEMORY = 1024
# After so many seconds a person wants to know what is being waited for.
SLOT_PATIENCE = 3
CMDLINE = (
    "root=/dev/vda rw console=ttyS0 panic=-1 quiet systemd.show_status=no "
    "mitigations=off tsc=reliable no_timer_check random.trust_cpu=on net.ifnames=0 "
    # Else docker wants AppArmor's tools.
    "apparmor=0"
)
# What newer processors have (AVX and its state, SMAP) takes longer to emulate than to do without: a tenth of the time.
# cmpxchg16b crashes 6.12 under QEMU 7.2's emulation.
ACCELERATORS = {
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    "tcg": ["-accel", "tcg", "-cpu", "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,-cx16"],
}


def start(version, *, memory=MEMORY, tree=None, docker=False, userland=None, one_thread=False):
    """A fresh machine with this kernel; with a DESTDIR tree, that is installed in it; with docker, dockerd runs and
    has the image "sctp"; userland: of this release of Debian; with one_thread its processors take turns where they are
    emulated."""
    kernels = [Kernel(name) for name in dict.fromkeys([*SUITES, version])]
    kernel = next(kernel for kernel in kernels if kernel.version == version)
    flavour = f"{kernel.version}-{memory}" + "-docker" * docker + f"-{userland}" * bool(userland)
    state = _booted(kernel, root.image(kernels, docker, userland), memory, docker, flavour)
    if tree:
        state = _installed(state, kernel, Path(tree), memory, flavour)
    return Machine(kernel, memory, state / "disk.qcow2", saved=state / "memory", one_thread=one_thread)


def _booted(kernel, image, memory, docker, flavour):
    """The state of a guest that has just booted."""
    ingredients = [
        cache.identity(kernel.image), cache.identity(image), accelerator(kernel), Path(__file__),
        subprocess.check_output([QEMU, "--version"], text=True),
    ]

    def build(work):
        _overlay(image, "raw", work / "disk.qcow2")
        # A kernel that boots changes its own code, which another of the emulator's threads was seen to run half changed.
        with Machine(kernel, memory, work / "disk.qcow2", one_thread=True) as machine:
            machine.wait_until("systemctl is-system-running | grep -qvx starting", timeout=300)
            if docker:
                machine.run("/usr/local/lib/lab/container-image", timeout=300)
            machine.save(work / "memory")

    return cache.entry(f"booted-{flavour}", ingredients, build)


def _installed(booted, kernel, tree, memory, flavour):
    """The state of a booted guest after the project was installed, nothing of it started."""
    def build(work):
        _overlay(booted / "disk.qcow2", "qcow2", work / "disk.qcow2")
        with Machine(kernel, memory, work / "disk.qcow2", saved=booted / "memory", keep=True) as machine:
            packed = BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as tar:
                tar.add(tree, arcname=".")
            # /lib and /sbin are links in the guest, and stay so.
            machine.run(
                "tar --extract --keep-directory-symlink --no-overwrite-dir --no-same-owner --directory=/",
                input=packed.getvalue(),
            )
            # Emulated, and beside other guests, a scan may take longer than a caller waits by default: what a
            # test lists is to be the present, unless it asks for another wait. And what flaps is told each time.
            machine.put("/etc/sctpmond.conf.d/10-lab.conf", "[Monitor]\nScanWait=3s\nDamping=no\n")
            machine.run("systemd-sysusers && systemctl daemon-reload && sync")
            machine.save(work / "memory")

    ingredients = [cache.identity(booted / "memory"), tree]
    return cache.entry(f"installed-{flavour}", ingredients, build)


def _overlay(backing, form, path):
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", form, path], check=True
    )


def accelerator(kernel):
    """KVM where it works: /dev/kvm may be there and yet not run a guest. Asked once per boot of the host."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()

    def probe(work):
        answer = "kvm" if os.access("/dev/kvm", os.W_OK) and _says_hello("kvm", kernel) else "tcg"
        (work / "answer").write_text(answer)

    return (cache.entry("accelerator", [boot, Path(__file__)], probe) / "answer").read_text()


def _says_hello(name, kernel):
    command = [
        QEMU, "-nodefaults", "-display", "none", "-no-reboot", *ACCELERATORS[name], "-m", "256",
        "-serial", "stdio", "-kernel", kernel.image, "-initrd", kernel.initrd,
        "-append", f"{CMDLINE} lab.hello",
    ]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    except subprocess.TimeoutExpired:
        return False
    return b"hello from the guest" in done.stdout


@contextlib.contextmanager
def _slot():
    """At most one machine for each of the host's processors, whoever starts them."""
    with contextlib.ExitStack() as stack:
        slots = [
            stack.enter_context(open(cache.ROOT / f"slot{number}", "w")) for number in range(os.cpu_count())
        ]
        silent_until = time.monotonic() + SLOT_PATIENCE
        while True:
            for slot in slots:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield
                    return
            if time.monotonic() > silent_until:
                print(f"lab: waiting for one of the {len(slots)} running machines to end", file=sys.stderr, flush=True)
                silent_until = float("inf")
            time.sleep(0.1)


class Monitor:
    """QEMU's own control channel (QMP)."""

    def __init__(self, connection):
        connection.settimeout(120)
        self.file = connection.makefile("rw")
        self._next()
        self.execute("qmp_capabilities")

    def _next(self):
        line = self.file.readline()
        if not line:
            raise MachineDied()
        return json.loads(line)

    def execute(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = self._next()
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def wait(self, name, wanted, timeout):
        """Asks until the status that this command tells is the wanted one."""
        deadline = time.monotonic() + timeout
        while (status := self.execute(name).get("status")) != wanted:
            if status == "failed" or time.monotonic() > deadline:
                raise TimeoutError(f"{name} says {status} instead of {wanted}")
            time.sleep(0.01)


class Machine:
    """A running guest. Its disk forgets what was written, unless it is kept for a state to be saved."""

    def __init__(self, kernel, memory, disk, saved=None, keep=None, one_thread=False):
        self.kernel = kernel
        self.started = time.time()
        self.stack = contextlib.ExitStack()
        try:
            self.stack.enter_context(_slot())
            self._start(memory, disk, saved, saved is None if keep is None else keep, one_thread)
        except BaseException:
            self.stop()
            raise

    def _start(self, memory, disk, saved, keep, one_thread):
        directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-"))
        self.console = Path(directory) / "console"
        monitor, monitor_end = socket.socketpair()
        agent, agent_end = socket.socketpair()
        kind, name, *processor = ACCELERATORS[accelerator(self.kernel)]
        if one_thread and name == "tcg":
            name += ",thread=single"
        command = [
            # The emulator ends with whoever started it, however that ends.
            "setpriv", "--pdeathsig=KILL",
            QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            kind, name, *processor, "-smp", str(CPUS), "-m", str(memory),
            "-kernel", self.kernel.image, "-initrd", self.kernel.initrd, "-append", CMDLINE,
            "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe,snapshot={'off' if keep else 'on'}",
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=monitor,fd={monitor_end.fileno()}", "-mon", "monitor,mode=control",
            "-chardev", f"socket,id=agent,fd={agent_end.fileno()}",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=lab",
        ]
        if saved:
            command += ["-incoming", f"exec:cat {shlex.quote(str(saved))}"]
        self.errors = open(Path(directory) / "errors", "w+")
        self.emulator = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
            pass_fds=[monitor_end.fileno(), agent_end.fileno()],
        )
        monitor_end.close()
        agent_end.close()
        self.channel = guest.Channel(agent)
        with self._explained():
            self.monitor = Monitor(monitor)
            if saved:
                self.monitor.wait("query-status", "paused", 60)
                self.monitor.execute("cont")
                self.channel.set_clock()
            else:
                self.channel.wait_for(lambda: self.channel.ready, 300, "the guest's agent")

    def save(self, path):
        """Writes the memory to a file; the disk is as it was then. The guest stays stopped."""
        self.monitor.execute("stop")
        self.monitor.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.monitor.execute("migrate", uri=f"exec:cat > {shlex.quote(str(path))}")
        self.monitor.wait("query-migrate", "completed", 120)
        self.monitor.execute("quit")
        self.emulator.wait()

    def stop(self):
        if hasattr(self, "emulator"):
            self.emulator.kill()
            self.emulator.wait()
        self.stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @contextlib.contextmanager
    def _explained(self):
        """A death of the machine is told with the last that it said."""
        try:
            yield
        except MachineDied:
            self.emulator.wait(10)
            raise MachineDied(
                f"the machine died (emulator's status {self.emulator.returncode})\n{self.last_words()}"
            ) from None

    def last_words(self, lines=60):
        self.errors.seek(0)
        console = self.console.read_text(errors="replace") if self.console.exists() else ""
        return "\n".join((self.errors.read() + console).splitlines()[-lines:])

    def run(self, command, check=True, timeout=120, input=None):
        """Runs a bash command to its end; fails with all its output unless it succeeds."""
        with self._explained():
            process = self.channel.start(command)
            if input is not None:
                process.write(input)
            process.close_input()
            process.wait(timeout)
        if check and process.returncode != 0:
            raise CommandFailed(f"{command}\nended with {process.returncode}\n{process.output()}")
        return process

    def spawn(self, command, terminal=None):
        """Starts a bash command and leaves it running."""
        with self._explained():
            return self.channel.start(command, terminal)

    def terminal(self, command, rows=24, columns=80):
        """Starts a bash command on a terminal of its own."""
        return self.spawn(command, terminal=[rows, columns])

    def wait_until(self, command, timeout=60):
        """Runs a command again and again until it succeeds; its last output then."""
        deadline = time.monotonic() + timeout
        while (process := self.run(command, check=False)).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout} s for: {command}\n{process.output()}")
            time.sleep(0.05)
        return process

    def put(self, path, data, mode=0o644):
        if isinstance(data, str):
            data = data.encode()
        path = shlex.quote(path)
        self.run(f'mkdir -p "$(dirname {path})" && cat > {path} && chmod {mode:o} {path}', input=data)

    def get(self, path):
        return self.run(f"cat {shlex.quote(path)}").data()
