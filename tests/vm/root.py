# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's root: by default the host's own release, so that what is built here runs there."""

import ctypes.util
import shutil
import subprocess
from pathlib import Path

import cache

GUEST = Path(__file__).with_name("guest")

PACKAGES = [
    # a system
    "systemd", "systemd-sysv", "kmod", "iproute2", "procps", "util-linux", "bsdextrautils", "python3",
    "iputils-ping", "nftables", "strace",
    # peers that others wrote
    "lksctp-tools", "ncat", "socat", "net-tools",
    # what sctpmon and its sanitized builds link
    "libjansson4", "libmnl0", "libsystemd0", "libkmod2", "libinih1", "libncursesw6", "libcap2", "libseccomp2",
    "libsctp1",
    "libasan8", "libubsan1",
]
# What a build with BPF links: it is there where that was built.
if ctypes.util.find_library("bpf") == "libbpf.so.1":
    PACKAGES.append("libbpf1")

# What runs containers, in a root of its own: it is twice as large.
DOCKER_PACKAGES = ["docker.io", "iptables", "conntrack", "containernetworking-plugins"]

# Units that would only disturb a test: work that starts by the clock, and logins on the console.
MASKED = [
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "fstrim.timer", "systemd-tmpfiles-clean.timer", "getty.target",
]


def _os_release():
    lines = Path("/etc/os-release").read_text().splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def image(kernels, docker=False, userland=None):
    """The ext4 image of a root with the modules of these kernels; userland: Debian's release of this name."""
    suite = userland or _os_release()["VERSION_CODENAME"]
    packages = PACKAGES + DOCKER_PACKAGES * docker
    flavour = "-docker" * docker + f"-{userland}" * bool(userland)
    tree = cache.entry(
        f"tree{flavour}", [suite, *packages], lambda work: _install_packages(suite, packages, work / "root")
    )
    ingredients = [tree.name, GUEST, Path(__file__), *(cache.identity(kernel.image) for kernel in kernels)]
    directory = cache.entry(f"image{flavour}", ingredients, lambda work: _make_image(tree / "root", kernels, work))
    return directory / "root.img"


def _install_packages(suite, packages, root):
    # Debian has everything in main; of Ubuntu's components the tools need one more.
    host = _os_release()
    components = "main,universe" if (host["ID"], host["VERSION_CODENAME"]) == ("ubuntu", suite) else "main"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=apt", f"--components={components}",
         f"--include={','.join(packages)}", suite, root],
        check=True,
    )


def _make_image(tree, kernels, work):
    root = work / "root"
    subprocess.run(["cp", "--archive", "--reflink=auto", tree, root], check=True)
    for kernel in kernels:
        target = root / "usr/lib/modules" / kernel.modules.name
        shutil.copytree(kernel.modules, target, symlinks=True)

    lab = root / "usr/local/lib/lab"
    lab.mkdir(parents=True)
    for name in "agent", "two-namespaces", "container-image", "publish-port":
        shutil.copy(GUEST / name, lab)
    shutil.copy(GUEST / "lab-agent.service", root / "etc/systemd/system")
    subprocess.run(["systemctl", "--quiet", f"--root={root}", "enable", "lab-agent.service"], check=True)
    subprocess.run(["systemctl", "--quiet", f"--root={root}", "mask", *MASKED], check=True)
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost guest\n::1 localhost\n")

    size = int(subprocess.check_output(["du", "-sm", root]).split()[0]) + 300
    subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal,^metadata_csum", "-m", "0",
         "-E", "lazy_itable_init=1,root_owner=0:0", "-d", root, work / "root.img", f"{size}M"],
        stdout=subprocess.DEVNULL, check=True,
    )
    shutil.rmtree(root)
