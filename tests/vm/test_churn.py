# SPDX-License-Identifier: LGPL-2.1-or-later
"""While associations come and go, those that nobody touches stay in every answer and are no news."""

import json
import os

import pytest

import journal
import load
import seen

UNTOUCHED = 500
RATE = 200
# More for a closer look.
SECONDS = 20

HELD_PORT = 7000
CHURN_PORT = 7001

# Lists without a pause for as long as the given process runs, reads the kernel's own table beside it, and
# tells which rows of the port were missing or new.
LISTENER = """
import json, os, subprocess, sys

pid, port = int(sys.argv[1]), int(sys.argv[2])

def listing():
    text = subprocess.run(["sctpctl", "assocs", "--json=short"], stdout=subprocess.PIPE, check=True).stdout
    rows = json.loads(text)
    held = {
        (row["associationId"], row["localPort"], row["peerPort"], row["state"])
        for row in rows if port in (row["localPort"], row["peerPort"])
    }
    return held, len(rows)

def table():
    with open("/proc/net/sctp/assocs") as file:
        next(file)
        rows = [line.split() for line in file]
    return {int(row[6]) for row in rows if str(port) in (row[11], row[12])}

expected, _ = listing()
ids = {row[0] for row in expected}
result = {"rows": len(expected), "listings": 0, "wrong": [], "others": 0, "tables": 0, "tables_without": 0}
while os.path.exists(f"/proc/{pid}"):
    held, rows = listing()
    result["listings"] += 1
    result["others"] += rows - len(held)
    if held != expected:
        result["wrong"].append({"missing": sorted(expected - held), "new": sorted(held - expected)})
    result["tables"] += 1
    result["tables_without"] += table() != ids
print(json.dumps(result))
"""


def of_port(changes, port):
    return [
        change for change in changes
        if "association" in change and port in (change["association"]["localPort"], change["association"]["peerPort"])
    ]


@pytest.mark.kernel("6.1")
@pytest.mark.parametrize("bpf", ["yes", "no"])
def test_untouched_associations_are_never_missed(machine, bpf):
    seconds = int(os.environ.get("SCTPMON_CHURN_SECONDS", SECONDS))
    # The kernel tells each step of each; looks meet some.
    rate = RATE // 10 if bpf == "yes" else RATE
    load.install(machine)
    machine.put("/etc/sctpmond.conf.d/20-test.conf", f"[Monitor]\nBpf={bpf}\n")
    # Nobody has the time for HEARTBEATs here: paths would fail, and be told of.
    machine.run("modprobe sctp && sysctl -q net.sctp.hb_interval=3600000 && systemctl start sctpmond")
    held = load.hold(machine, UNTOUCHED, HELD_PORT)
    assert len(journal.entries(machine, f"SCTP_LOCAL_PORT={HELD_PORT}")) > 0
    since = machine.run("date +%s.%6N").stdout.strip()

    watch = machine.spawn("exec sctpctl assocs --watch --json=short >/run/watch")
    machine.put("/run/listener.py", LISTENER)
    # It goes before those who look on: an emulated machine may not have the time for both.
    churn = machine.spawn(f"exec nice -n -15 sctpload -p {CHURN_PORT} churn {rate} {seconds}")
    listener = machine.spawn(f"exec python3 /run/listener.py {churn.pid} {HELD_PORT}")
    assert churn.wait(4 * seconds + 60) == 0, churn.output()
    assert listener.wait() == 0, listener.output()

    assert f"made {rate * seconds} " in churn.stdout
    result = json.loads(listener.stdout)
    assert result["rows"] == 2 * UNTOUCHED
    assert result["listings"] >= seconds / 10
    assert result["others"] > 0
    assert result["wrong"] == []
    # The kernel's table does miss some of them meanwhile; otherwise nothing would be shown.
    assert result["tables_without"] > 0 or bpf == "yes"

    told = journal.entries(machine, f"--since=@{since}")
    assert len(journal.kinds(told)) > seconds
    assert [entry for entry in told if str(HELD_PORT) in (entry.get("SCTP_LOCAL_PORT"), entry.get("SCTP_PEER_PORT"))] == []

    changes = [json.loads(line) for line in machine.get("/run/watch").splitlines()]
    assert of_port(changes, CHURN_PORT)
    assert of_port(changes, HELD_PORT) == []
    assert (watch.returncode, watch.stderr) == (None, "")
    assert journal.status(machine)["journal"]["lost"] == 0
    print(f"{churn.stdout.strip()}, told {len(told)}, looked on: {result}")
    held.kill()


# Endpoints begin and cease to listen as fast as they can, on the ports between those of others, while they are listed.
LISTENERS = """
import json, os, random, socket, subprocess, sys, time

first, n, seconds = (int(argument) for argument in sys.argv[1:])

def listener(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
    s.bind(("127.0.0.1", port))
    s.listen()
    return s

others = os.fork()
if others == 0:
    while True:
        some = [listener(port) for port in random.sample(range(first + 1, first + 2 * n, 2), 50)]
        for s in some:
            # Out of the table and into it again, which an endpoint may do without an end
            s.listen(0)
            s.listen()
        for s in some:
            s.close()

held = [listener(port) for port in range(first, first + 2 * n, 2)]
result = {"listings": 0, "others": 0, "wrong": 0}
end = time.monotonic() + seconds
# What has begun is in the next look.
subprocess.run(["sctpctl", "eps", "--json=short"], stdout=subprocess.DEVNULL, check=True)
while time.monotonic() < end:
    rows = json.loads(subprocess.run(["sctpctl", "eps", "--json=short"], stdout=subprocess.PIPE, check=True).stdout)
    ports = sorted(row["localPort"] for row in rows if row["localPort"] % 2 == 0)
    result["listings"] += 1
    result["others"] += len(rows) - len(ports)
    result["wrong"] += ports != list(range(first, first + 2 * n, 2))
os.kill(others, 9)
print(json.dumps(result))
"""


@pytest.mark.kernel("6.12")
def test_untouched_endpoints_are_never_missed(machine):
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nInterval=100ms\nCpuShare=100%\nBpf=yes\n")
    machine.run("modprobe sctp && systemctl start sctpmond")
    seen.eventually(lambda: seen.source(machine, "bpf_listing"), lambda now: now["result"] == "read")
    machine.put("/run/listeners.py", LISTENERS)
    result = json.loads(machine.run(f"python3 /run/listeners.py 20000 {UNTOUCHED} 15").stdout)
    print(result)

    assert result["wrong"] == 0 and result["listings"] >= 5 and result["others"] > 0
    assert seen.source(machine, "bpf_listing")["result"] == "read"
