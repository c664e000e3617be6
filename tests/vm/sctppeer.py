# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts tests/load/sctppeer, which tells what its own sockets say of themselves, into a guest."""

import json
import shlex
import subprocess
from pathlib import Path

import cache

TOP = Path(__file__).resolve().parents[2]
SOURCE = TOP / "tests/load/sctppeer.c"


def program():
    """The built program: the guest has the host's release, so that it runs there."""
    def build(work):
        subprocess.run(
            ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", f"-I{TOP / 'lib'}",
             SOURCE, "-o", work / "sctppeer", "-lsctp"],
            check=True,
        )

    headers = [TOP / "lib/clock.h", TOP / "lib/macro.h"]
    return cache.entry("sctppeer", [SOURCE, *headers, Path(__file__)], build) / "sctppeer"


def install(machine):
    machine.put("/usr/local/bin/sctppeer", program().read_bytes(), mode=0o755)


def start(machine, verb, local=(), port=7000, peer=(), where="", wait=None, **options):
    """`serve` or `connect`, running. `where` is a command that puts it somewhere else: `ip netns exec peer`; the
    options are sctppeer's own: many=True, heartbeat=500, rto=(300, 600). Returns once it has said `wait`."""
    words = [f"--local={','.join(local)}"] if local else []
    words += [f"--peer={','.join(peer)}"] if peer else []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        if value is not False:
            words.append(option if value is True else f"{option}={value}")
    process = machine.spawn(f"exec {where} sctppeer {verb} --port={port} {shlex.join(words)}")
    if wait is None:
        wait = "bound" if options.get("bind_only") else {"serve": "listening", "connect": "connected"}[verb]
    process.wait_for_output(f"{wait}\n")
    return process


def tell(process, line, answer):
    """Passes on a command; the next line that begins so."""
    seen = len(process.stdout)

    def answered():
        lines = process.stdout[seen:].split("\n")[:-1]
        return next((line for line in lines if line.startswith(answer)), None)

    process.write(f"{line}\n")
    process.channel.wait_for(lambda: answered() or process.returncode is not None, 60, f"an answer to {line}")
    assert answered(), process.output()
    return answered()


def status(process):
    """{pid, sockets, associations}, in the words and units of sctpctl's JSON."""
    return json.loads(tell(process, "status", "{"))


def statistics(process):
    """SCTP_GET_ASSOC_STATS of each association. Asking makes the kernel forget the greatest RTO."""
    return json.loads(tell(process, "stats", "["))
