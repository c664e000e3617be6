# SPDX-License-Identifier: LGPL-2.1-or-later
"""lib/netns.c in the guest, as a Python class, without the rest of the project."""

import ctypes
import errno
import os
from pathlib import Path

NEW_NETWORK = 0x40000000

WHERE = "/usr/local/lib/namespaces"


class Place(ctypes.Structure):
    """struct netns_place"""
    _fields_ = [
        ("netns", ctypes.c_uint64),
        ("generation", ctypes.c_uint64),
        ("pid", ctypes.c_int),
        ("own", ctypes.c_bool),
        ("name", ctypes.c_char * 64),
        ("path", ctypes.c_char * 256),
        ("was_empty", ctypes.c_bool),
        ("skipped", ctypes.c_uint),
    ]


class Namespaces:
    """What fails gives the name of its error: "ESTALE"."""
    def __init__(self):
        # Not by dlopen() of the process: its own setns() is wanted, too.
        self.lib = ctypes.CDLL(f"{WHERE}/libnetns.so", use_errno=True)
        self.lib.netns_list_at.restype = ctypes.POINTER(Place)
        self.lib.netns_list_new_pids.restype = ctypes.POINTER(ctypes.c_int)
        self.lib.netns_list_count.restype = ctypes.c_size_t
        self.list = ctypes.c_void_p()
        assert self.lib.netns_list_new(ctypes.byref(self.list)) == 0

    @staticmethod
    def result(r):
        return errno.errorcode[-r] if r < 0 else r

    def update(self, thorough=False):
        return self.result(self.lib.netns_list_update(self.list, thorough))

    def places(self):
        count = self.lib.netns_list_count(self.list)
        return [self.lib.netns_list_at(self.list, ctypes.c_size_t(i)).contents for i in range(count)]

    def named(self, name):
        """None: there is none."""
        return next((place for place in self.places() if place.name.decode() == name), None)

    def of(self, netns):
        return next((place for place in self.places() if place.netns == netns), None)

    def new_pids(self):
        count = ctypes.c_size_t()
        pids = self.lib.netns_list_new_pids(self.list, ctypes.byref(count))
        return pids[:count.value]

    def enter(self, place):
        return self.result(self.lib.netns_enter(self.list, ctypes.byref(place)))

    def leave(self):
        self.lib.netns_leave(self.list)

    def open(self, place):
        """A descriptor of net/sctp."""
        return self.result(self.lib.netns_open_sctp(self.list, ctypes.byref(place)))

    def count(self, place):
        number = ctypes.c_uint32()
        r = self.lib.netns_count_sockets(self.list, ctypes.byref(place), ctypes.byref(number))
        return number.value if r == 0 else self.result(r)

    def ports(self, place):
        """Of those that listen, by the table `eps`."""
        fd = self.open(place)
        return fd if isinstance(fd, str) else ports_below(fd)


def ports_below(fd):
    try:
        table = os.open("eps", os.O_RDONLY, dir_fd=fd)
    except OSError as e:
        return errno.errorcode[e.errno]
    finally:
        os.close(fd)
    with open(table, encoding="ascii") as file:
        next(file)
        return sorted(int(line.split()[5]) for line in file)


def inode(path="/proc/thread-self/ns/net"):
    return os.stat(path).st_ino


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def install(machine):
    import subprocess

    import cache

    top = Path(__file__).resolve().parents[2]
    flags = ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", f"-I{top / 'lib'}"]
    sources = [top / "lib" / name for name in ("netns.c", "netns-enter.c", "netns-process.c", "proc-table.c", "text.c")]
    headers = [top / "lib" / name for name in ("macro.h", "netns.h", "netns-list.h", "clock.h", "proc-table.h", "text.h")]
    sleepers = top / "tests/load/sleepers.c"

    def build(work):
        subprocess.run([*flags, "-fPIC", "-shared", *sources, "-o", work / "libnetns.so"], check=True)
        subprocess.run([*flags, sleepers, "-o", work / "sleepers"], check=True)

    built = cache.entry("namespaces", [*sources, *headers, sleepers, Path(__file__)], build)
    machine.put(f"{WHERE}/libnetns.so", (built / "libnetns.so").read_bytes())
    machine.put("/usr/local/bin/sleepers", (built / "sleepers").read_bytes(), mode=0o755)
    machine.put(f"{WHERE}/namespaces.py", Path(__file__).read_text())
