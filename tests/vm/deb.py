# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's package, made from a copy of this tree."""

import os
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TOOLS = "git", "dpkg-buildpackage", "dh", "bpftool", "lintian"


def missing(*others):
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return [name for name in (*TOOLS, *others) if not shutil.which(name, path=path)]


def sources():
    """What a clone with the changes made here would have."""
    listed = subprocess.check_output(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP,
    )
    return sorted(path for path in os.fsdecode(listed).split("\0") if (TOP / path).is_file())


def copy_sources(paths, directory):
    for path in paths:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / path, directory / path)


def run(*command, **options):
    """The finished process, with all that it said as its stdout."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", **options,
    )


def build(source, what, under=(), **environment):
    """Puts what it makes beside the source."""
    # Unit tests have their own turn.
    defaults = {"DEB_BUILD_OPTIONS": f"nocheck parallel={os.cpu_count()}", "DEB_BUILD_PROFILES": "nocheck"}
    # Ubuntu has some of what is needed under other names.
    options = ["--no-check-builddeps"] if b"\nID=ubuntu" in Path("/etc/os-release").read_bytes() else []
    return run(
        *under, "dpkg-buildpackage", f"--build={what}", "--no-sign", *options,
        cwd=source, env=os.environ | defaults | environment,
    )


def lint(made):
    """Fails for errors and warnings; tells all else, too."""
    return run(
        "lintian", "--profile=debian", "--allow-root", "--fail-on=error,warning", "--display-experimental",
        "--display-level=>=pedantic", made,
    )
