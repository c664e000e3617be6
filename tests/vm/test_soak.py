# SPDX-License-Identifier: LGPL-2.1-or-later
"""Idle associations are never mentioned while others come and go, and of those that do not one is left out: what is
told of and what is counted as not observed is together what there was. However many looks are made, the daemon has the
same descriptors and memory."""

import json
import os

import pytest

import inside
import journal
import load
import seen
from counter import Counter
from varlink import Connection

IDLE, CHURNING, RATE = 2500, 500, 200
# Without BPF each look takes long with so many: fewer do, but for the soak.
IDLE_WITHOUT_BPF = IDLE if "SCTPMON_SOAK_SECONDS" in os.environ else IDLE // 2
IDLE_PORT, CHURN_PORT = 7000, 7001
# Two minutes go by until all is counted; `./quickstart soak` asks for ten minutes of it on each kernel.
SECONDS = 45
# `./quickstart soak` asks for 100,000.
LOOKS = 100
# What a process may take more than after a tenth of the looks; where it is, malloc() keeps some for later.
GROWTH_KIB = 2048

ENDS = """
ip netns add peer
ip link add veth0 type veth peer name veth0 netns peer
ip addr add 10.0.0.1/16 dev veth0 && ip link set veth0 up
ip -n peer addr add 10.0.0.2/16 dev veth0 && ip -n peer link set veth0 up && ip -n peer link set lo up
# Nobody has the time for so many HEARTBEATs here: paths would fail, and be told of.
modprobe sctp
for run in "" "ip netns exec peer"; do $run sysctl -q net.sctp.hb_interval=3600000; done
"""


# What is told of each goes to the journal: the kernel tells each step, of which looks meet a few.
@pytest.mark.kernel("6.12")
@pytest.mark.machine(bpf=True)
def test_soak(machine):
    soak(machine, IDLE, RATE // 5, SECONDS)
    assert seen.source(machine, "bpf_events").get("reason") is None


@pytest.mark.kernel("6.1")
@pytest.mark.machine(bpf=False)
def test_soak_without_bpf(machine):
    soak(machine, IDLE_WITHOUT_BPF, RATE, SECONDS // 2)


def soak(machine, count, rate, seconds):
    seconds = int(os.environ.get("SCTPMON_SOAK_SECONDS", seconds))
    load.install(machine)
    machine.run(ENDS)
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nDamping=no\nCpuShare=50%\n")
    machine.run("systemctl start sctpmond && sctpctl eps")
    for port in IDLE_PORT, CHURN_PORT:
        machine.spawn(f"exec ip netns exec peer sctpload -a 10.0.0.2 -p {port} serve")
        machine.wait_until(f"ip netns exec peer grep -qw {port} /proc/net/sctp/eps")
    idle = load.hold(machine, count, IDLE_PORT, "-c -a 10.0.0.2")
    seen.eventually(lambda: seen.status(machine)["associations"], lambda n: n == 2 * count, timeout=120)
    journal.settle(machine)
    counter = Counter(machine, IDLE_PORT, CHURN_PORT)

    # It goes before those who look on: an emulated machine may not have the time for both.
    churn = machine.spawn(f"exec nice -n -15 sctpload -c -a 10.0.0.2 -p {CHURN_PORT} -k {CHURNING} churn {rate} {seconds}")
    assert churn.wait(6 * seconds + 120) == 0, churn.output()
    made = rate * seconds
    assert f"made {made} " in churn.stdout

    seen.eventually(lambda: seen.status(machine)["associations"], lambda n: n == 2 * count, timeout=120)

    # Both ends are here.
    seen.eventually(counter.result, lambda now: now["ups"] + now["established"] >= 2 * made, timeout=120)
    result = counter.result()
    print(f"{churn.stdout.strip()}; {result}")
    assert result["ups"] + result["established"] == 2 * made
    assert result["downs"] + result["established"] == 2 * made
    assert (result["failed"], result["idle"], result["others"]) == (0, 0, [])
    now = seen.status(machine)
    assert (now["journal"]["lost"], now["journal"]["queued"]) == (0, 0)
    assert len(json.loads(machine.run("sctpctl assocs --json=short").stdout)) == 2 * count
    counter.process.kill()
    idle.kill()


def look_again_and_again(looks, pids):
    """Has so many looks made, one after the other, while now and then an association comes and goes. What the processes
    have after a tenth of the looks, and in the end."""
    import os
    import time

    def descriptors(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    def used(pid):
        counts = []
        # Those that are about to be closed do not count.
        for _ in range(20):
            counts.append(descriptors(pid))
            time.sleep(0.01)
        with open(f"/proc/{pid}/status") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
        return [min(counts), resident]

    asker, first = Connection(), None
    for number in range(1, looks + 1):
        assert "scan" in asker.list("ListAssociations")[-1]["parameters"]
        if number % 20 == 0:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as client:
                client.connect(("127.0.0.1", 7000))
        if number == looks // 10:
            first = [used(pid) for pid in pids]
    return first, [used(pid) for pid in pids]


@pytest.mark.kernel("6.12")
@pytest.mark.machine(bpf=True)
def test_descriptors_and_memory_stay(machine):
    looks = int(os.environ.get("SCTPMON_SOAK_SCANS", LOOKS))
    load.install(machine)
    # What is kept of the past is full soon.
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nHistoryChanges=10\nSampleBytes=0\n")
    machine.run("for i in a b c; do ip netns add $i; done; systemctl start sctpmond && sctpctl eps")
    held = load.hold(machine, 10)
    seen.eventually(lambda: seen.source(machine, "bpf_events"), lambda source: source["result"] == "read")
    before = seen.status(machine)
    pids = [before["pid"], before["scannerPid"]]

    first, last = inside.run(machine, look_again_and_again, looks, pids, timeout=60 + looks)
    print(f"{looks} looks: server and scanner had {first} descriptors and KiB after a tenth, then {last}")
    assert seen.status(machine)["scan"]["serial"] - before["scan"]["serial"] >= looks
    assert [descriptors for descriptors, _ in last] == [descriptors for descriptors, _ in first]
    for (_, resident), (_, at_first) in zip(last, first):
        assert resident < at_first + GROWTH_KIB
    held.kill()
