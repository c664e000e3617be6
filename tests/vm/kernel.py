# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's kernels: unpacked, never installed, each with the small initrd that finds the root disk."""

import lzma
import shutil
import subprocess
from pathlib import Path

import cache

# Version and the Debian release that has it.
SUITES = {"6.1": "bookworm", "6.12": "trixie"}
# Only where it is asked for: what is there changes from week to week.
TESTING = {"7.2": "forky"}
PACKAGE = "linux-image-cloud-amd64"
INIT = Path(__file__).with_name("guest") / "initrd-init"
# What a guest needs before it has a root: its disk, and the port that its agent listens on.
EARLY_MODULES = ["virtio_pci", "virtio_blk", "virtio_console"]


class Kernel:
    def __init__(self, version):
        suite = (SUITES | TESTING)[version]
        self.version = version
        self.directory = cache.entry(
            f"kernel-{version}", [suite, Path(__file__), INIT], lambda work: _make(suite, work)
        )
        self.image = self.directory / "vmlinuz"
        self.initrd = self.directory / "initrd"
        self.modules = next((self.directory / "lib/modules").iterdir())


def _make(suite, work):
    everything = work / "everything"
    # A mirror may be some weeks behind.
    late = ['--aptopt=Acquire::Check-Valid-Until "false"'] if suite in TESTING.values() else []
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=extract", f"--include={PACKAGE}", *late, suite, everything],
        check=True,
    )
    # Releases differ in where it is, and in whether /lib is still a directory of its own.
    image = next(path for pattern in ("boot/vmlinuz-*", "**/lib/modules/*/vmlinuz") for path in everything.glob(pattern))
    image.rename(work / "vmlinuz")
    modules = [path for path in everything.glob("**/lib/modules") if path.is_dir()]
    (work / "lib").mkdir()
    modules[0].rename(work / "lib/modules")
    shutil.rmtree(everything)

    release = next((work / "lib/modules").iterdir())
    subprocess.run(["depmod", "-b", work, release.name], check=True)
    _make_initrd(release, work)


def _make_initrd(modules, work):
    tree = work / "initrd.tree"
    for name in ("bin", "dev", "proc", "root", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin")
    shutil.copy(INIT, tree / "init")
    for number, file in enumerate(_with_dependencies(modules)):
        data = file.read_bytes()
        if file.suffix == ".xz":
            data = lzma.decompress(data)
        name = file.name.partition(".")[0]
        (tree / f"modules/{number:02}-{name}.ko").write_bytes(data)
    with open(work / "initrd", "wb") as initrd:
        subprocess.run(
            "find . | cpio --quiet -o -H newc", shell=True, cwd=tree, stdout=initrd, check=True
        )
    shutil.rmtree(tree)


def _with_dependencies(modules):
    """The files of the early modules in the order in which they can be loaded."""
    dependencies = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        file, _, needed = line.partition(":")
        dependencies[Path(file).name.partition(".")[0]] = [file, *needed.split()]
    ordered = []
    for name in EARLY_MODULES:
        # A module that is not listed is built into this kernel.
        for file in reversed(dependencies.get(name, [])):
            if modules / file not in ordered:
                ordered.append(modules / file)
    return ordered
