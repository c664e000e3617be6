# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts tests/load/sctpload, which makes associations in numbers, into a guest."""

import subprocess
from pathlib import Path

import cache

TOP = Path(__file__).resolve().parents[2]
SOURCE = TOP / "tests/load/sctpload.c"


def program():
    """The built program: the guest has the host's release, so that it runs there."""
    def build(work):
        subprocess.run(
            ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", f"-I{TOP / 'lib'}",
             SOURCE, "-o", work / "sctpload"],
            check=True,
        )

    return cache.entry("sctpload", [SOURCE, TOP / "lib/macro.h", Path(__file__)], build) / "sctpload"


def install(machine):
    machine.put("/usr/local/bin/sctpload", program().read_bytes(), mode=0o755)


def hold(machine, count, port=7000, options=""):
    """That many associations over loopback, two rows each, left alone until the process is killed."""
    process = machine.spawn(f"exec sctpload -p {port} {options} hold {count}")
    process.wait_for_output(f"holding {count}\n", timeout=120)
    return process
