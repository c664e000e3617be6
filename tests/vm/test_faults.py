# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel refuses the scanner every third call of a kind, while it looks: rows stay what they are, nothing is told to
have ended, and when it is over all is as before."""

import json

import pytest

import journal
import load
import seen

HELD = 50
PORT = 7000
SECONDS = 2

# What a look asks the kernel for, with BPF and without, and what it may get for an answer. Not setns(): a process that
# cannot leave a namespace has to end.
CALLS = {
    "yes": [
        ("openat", "EMFILE"), ("read", "EIO"), ("read", "EINTR"), ("newfstatat", "ENOMEM"), ("mmap", "ENOMEM"),
        ("memfd_create", "EMFILE"), ("fcntl", "ENOMEM"), ("poll", "EINTR"), ("pidfd_open", "EMFILE"),
        ("bpf", "ENOMEM"), ("sendmsg", "ENOBUFS"),
    ],
    "no": [
        ("openat", "EINTR"), ("readlinkat", "ENOMEM"), ("getdents64", "ENOMEM"), ("socket", "EMFILE"),
        ("sendto", "ENOBUFS"), ("recvfrom", "EINTR"), ("pidfd_getfd", "EMFILE"), ("getsockopt", "ENOMEM"),
        ("write", "ENOSPC"), ("poll", "ENOMEM"),
    ],
}

# Asks again and again until it is ended, and tells what was not right. No answer is one, too.
ASKER = """
import json, os, subprocess

with open("/run/expected.json") as file:
    expected = set(map(tuple, json.load(file)))
result = {"answers": 0, "wrong": []}
while not os.path.exists("/run/enough"):
    done = subprocess.run(["sctpctl", "assocs", "--json=short"], capture_output=True, text=True)
    if done.returncode != 0:
        continue
    rows = json.loads(done.stdout)
    held = {(row["associationId"], row["localPort"], row["peerPort"], row["state"]) for row in rows}
    result["answers"] += 1
    if held != expected:
        result["wrong"].append({"missing": sorted(expected - held), "new": sorted(held - expected)})
print(json.dumps(result))
"""


def held(rows):
    return [[row[name] for name in ("associationId", "localPort", "peerPort", "state")] for row in rows]


def sources(machine):
    return {source["name"]: source["result"] for source in seen.status(machine)["sources"]}


def is_well(found, bpf):
    needed = ["bpf_events", "bpf_listing"] if bpf == "yes" else ["eps", "assocs", "remaddr"]
    return "failed" not in found.values() and all(found.get(name) == "read" for name in ["namespaces", "owners", *needed])


def refuse(machine, call, error):
    """How many calls failed."""
    scanner = seen.status(machine)["scannerPid"]
    return int(machine.run(
        f"timeout {SECONDS} strace -qq -p {scanner} -o /run/strace --trace={call} "
        f"--inject={call}:error={error}:when=2+3; grep -c INJECTED /run/strace", check=False,
    ).stdout)


@pytest.mark.kernel("6.12")
@pytest.mark.parametrize("bpf", ["yes", "no"])
def test_calls_that_fail(machine, bpf):
    load.install(machine)
    machine.put("/etc/sctpmond.conf.d/20-test.conf", f"[Monitor]\nBpf={bpf}\nInterval=200ms\nCpuShare=100%\n")
    machine.run("modprobe sctp && sysctl -q net.sctp.hb_interval=3600000 && systemctl start sctpmond")
    load.hold(machine, HELD, PORT)
    rows = seen.eventually(lambda: seen.listed(machine, "assocs"), lambda rows: len(rows) == 2 * HELD)
    expected = held(rows)
    machine.put("/run/expected.json", json.dumps(expected))
    machine.put("/run/asker.py", ASKER)
    journal.settle(machine)
    since = machine.run("date +%s.%6N").stdout.strip()

    for call, error in CALLS[bpf]:
        asker = machine.spawn("rm -f /run/enough; exec python3 /run/asker.py")
        # It may just not have looked.
        refused = 0
        for _ in range(10):
            refused = refused or refuse(machine, call, error)
        assert refused > 0, f"{call} is not called"
        machine.run("touch /run/enough")
        assert asker.wait() == 0, asker.output()
        result = json.loads(asker.stdout)
        assert result["answers"] > 0 and result["wrong"] == [], (call, error, refused, result)
        seen.eventually(lambda: sources(machine), lambda found: is_well(found, bpf))
        assert held(seen.listed(machine, "assocs")) == expected
    assert journal.entries(machine, f"--since=@{since}") == []
