# SPDX-License-Identifier: LGPL-2.1-or-later
"""Things that take long to make, kept outside the work tree under a name that says what they are made from."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(
    os.environ.get("SCTPMON_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sctpmon"
)

# Every entry of one kind beyond these is thrown away, the longest unused first.
KEPT_OF_A_KIND = 3


def digest(*ingredients):
    """A short hash of texts, files and whole directory trees."""
    sha = hashlib.sha256()

    def add(data):
        sha.update(len(data).to_bytes(8, "big") + data)

    for item in ingredients:
        if not isinstance(item, Path):
            add(str(item).encode())
            continue
        for path in [item, *sorted(item.rglob("*"))]:
            add(os.fsencode(path.relative_to(item)))
            add(str(path.lstat().st_mode).encode())
            if path.is_symlink():
                add(os.fsencode(os.readlink(path)))
            elif path.is_file():
                add(path.read_bytes())
    return sha.hexdigest()[:16]


def identity(path):
    """What tells a cached file from another that was made the same way, for things that only fit this one."""
    return f"{path} {path.stat().st_mtime_ns}"


@contextlib.contextmanager
def lock(name):
    ROOT.mkdir(parents=True, exist_ok=True)
    with open(ROOT / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def entry(kind, ingredients, build):
    """The directory of a thing of this kind; build(directory) fills it the first time."""
    path = ROOT / f"{kind}-{digest(*ingredients)}"
    with lock(kind):
        if not path.exists():
            started = time.monotonic()
            print(f"lab: making {kind}", file=sys.stderr, flush=True)
            work = ROOT / f"{kind}.new"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            build(work)
            work.rename(path)
            took = time.monotonic() - started
            print(f"lab: made {kind} in {took:.0f} s", file=sys.stderr, flush=True)
        os.utime(path)
        _forget_old(kind)
    return path


def _forget_old(kind):
    entries = [path for path in ROOT.glob(f"{kind}-*") if path.name.rpartition("-")[0] == kind and path.is_dir()]
    entries.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in entries[KEPT_OF_A_KIND:]:
        shutil.rmtree(path)
