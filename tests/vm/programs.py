# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel has of BPF programs, and of functions that are watched."""

import json

# Programs, maps and the like are counted, whoever's they are, but for what systemd does with services; of the functions
# that are watched those of SCTP. They are freed some time after they are closed.
COUNT = r"""
import ctypes, json, os, struct
NEXT = {"programs": 11, "maps": 12, "types": 23, "links": 31}
GET_PROGRAM, GET_INFORMATION = 13, 15
SYSCALL_BPF = 321
# Types of programs of control groups.
OF_SERVICES = 8, 9, 15, 18, 23, 25
libc = ctypes.CDLL(None, use_errno=True)

def bpf(command, form, *values):
    attributes = ctypes.create_string_buffer(struct.pack(form, *values))
    return libc.syscall(SYSCALL_BPF, command, attributes, struct.calcsize(form)), attributes

def is_of_service(number):
    program, _ = bpf(GET_PROGRAM, "3I", number, 0, 0)
    if program < 0:
        return True
    information = ctypes.create_string_buffer(64)
    bpf(GET_INFORMATION, "IIQ", program, len(information), ctypes.addressof(information))
    os.close(program)
    return struct.unpack_from("I", information)[0] in OF_SERVICES

def count(command):
    n, number = 0, 0
    while True:
        status, attributes = bpf(command, "3I", number, 0, 0)
        if status < 0:
            return n
        number = struct.unpack_from("3I", attributes)[1]
        n += command != NEXT["programs"] or not is_of_service(number)

def loaded():
    if not os.path.exists("/sys/kernel/debug/kprobes"):
        os.system("mount -t debugfs none /sys/kernel/debug")
    with open("/sys/kernel/debug/kprobes/list") as file:
        return {name: count(command) for name, command in NEXT.items()} | {
            "probes": sum("sctp_" in line for line in file)}
"""


def twice(before, now):
    """What there is when what was added is added once more."""
    return {name: 2 * now[name] - before[name] for name in now}


def loaded(machine):
    machine.put("/run/loaded.py", COUNT + "print(json.dumps(loaded()))\n")
    return json.loads(machine.run("python3 /run/loaded.py").stdout)
