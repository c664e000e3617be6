# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs in the kernel come and go: with settings, with the daemon's processes, beside another daemon. Nothing of
them stays, and of what happens meanwhile nothing is told twice and nothing is left out."""

import collections
import json
import os
import shlex

import pytest

import load
import programs
import seen
from counter import Counter

IDLE_PORT, CHURN_PORT = 7000, 7001
# `./quickstart soak` asks for a thousand.
LOADS = int(os.environ.get("SCTPMON_SOAK_LOADS", 2))

# In KiB: less than a page for each time that they are loaded a thousand times.
GROWN_MAX = 4000

SOCKET, OTHER_SOCKET = "/run/sctpmon/io.sctpmon.Monitor", "/run/by-hand/socket"

# Switches Bpf= off and on so often, waits for what there is to be loaded then, and tells what the processes have.
SWITCH = programs.COUNT + r"""
import re, signal, socket, sys, time

connection = socket.socket(socket.AF_UNIX)
connection.connect("/run/sctpmon/io.sctpmon.Monitor")

def status():
    connection.sendall(b'{"method":"io.sctpmon.Monitor.GetStatus"}\0')
    reply = b""
    while not reply.endswith(b"\0"):
        reply += connection.recv(1 << 16)
    return json.loads(reply[:-1])["parameters"]

def switch(value, result, there):
    with open("/etc/sctpmond.conf.d/30-bpf.conf", "w") as file:
        file.write(f"[Monitor]\nBpf={value}\n")
    os.kill(daemon["pid"], signal.SIGHUP)
    # What is set counts at once, what is loaded follows.
    while loaded() != there or {one["name"]: one["result"] for one in status()["sources"]}["bpf_events"] != result:
        time.sleep(0.05)

def figures():
    result = {}
    for name in "pid", "scannerPid":
        directory = f"/proc/{daemon[name]}"
        with open(directory + "/status") as file:
            result[name] = dict(re.findall(r"(VmRSS|VmSize|Threads):\s+(\d+)", file.read()))
    with open("/proc/meminfo") as file:
        result["host"] = dict(re.findall(r"(MemAvailable|Slab|VmallocUsed|Percpu):\s+(\d+)", file.read()))
    return result

daemon, wanted, on, off = status(), *map(json.loads, sys.argv[1:])
start = time.monotonic()
for number in range(wanted):
    switch("no", "skipped", off)
    switch("yes", "read", on)
    if number + 1 in (1, wanted // 2, wanted):
        print(json.dumps({"loaded": number + 1, "seconds": round(time.monotonic() - start), **figures()}), flush=True)
"""

# So long as that process runs, connections are made; how many in all.
CHURN = """
made=0
while kill -0 {pid} 2>/dev/null; do
    nice -n -15 sctpload -c -p {port} -k 5 churn 5 5 >/dev/null || exit
    made=$((made + 25))
done
echo $made
"""


# What the kernel says of a machine that is slow.
SLOW = "interrupt took", "clocksource"


def words_of_kernel(machine):
    """What it warned of, and whether it calls itself tainted."""
    words = machine.run("dmesg --level=emerg,alert,crit,err,warn").stdout.splitlines()
    return ([line for line in words if not any(word in line for word in SLOW)],
            machine.run("cat /proc/sys/kernel/tainted").stdout)


def descriptors(machine):
    """How many the daemon's processes have open."""
    now = seen.status(machine)
    return [len(machine.run(f"ls /proc/{now[name]}/fd").stdout.split()) for name in ("pid", "scannerPid")]


def wait_for_events(machine, socket=SOCKET):
    def result():
        sources = json.loads(machine.run(f"sctpctl status --json=short --socket={socket}").stdout)["sources"]
        return next((one["result"] for one in sources if one["name"] == "bpf_events"), None)

    seen.eventually(result, lambda now: now == "read")


def start(machine, *lines):
    load.install(machine)
    # Modules describe their types to BPF, too. Nobody has the time for HEARTBEATs here: paths would fail, and be told
    # of.
    machine.run("modprobe -a sctp sctp_diag && sysctl -q net.sctp.hb_interval=3600000")
    before = programs.loaded(machine)
    settings = "\n".join(["[Monitor]", "Bpf=yes", "Damping=no", "CpuShare=100%", *lines, ""])
    machine.put("/etc/sctpmond.conf.d/20-test.conf", settings)
    machine.run("systemctl start sctpmond")
    wait_for_events(machine)
    return before


def stop(machine, before):
    """Of what was loaded nothing stays."""
    machine.run("systemctl stop sctpmond.socket sctpmond")
    seen.eventually(lambda: programs.loaded(machine), lambda now: now == before)


# Each time a probe comes or goes the kernel changes code that another processor may be running. QEMU 7.2 emulates that
# wrongly once in hundreds of times: a processor runs into the probe's int3 when the kernel has forgotten it.
@pytest.mark.kernel("6.12")
@pytest.mark.machine(one_thread=True)
def test_loaded_again_and_again(machine):
    before = start(machine)
    machine.spawn(f"exec sctpload -p {CHURN_PORT} serve")
    idle = load.hold(machine, 5, IDLE_PORT)
    seen.eventually(lambda: len(seen.listed(machine, "assocs")), lambda n: n == 10)
    counter = Counter(machine, IDLE_PORT, CHURN_PORT)
    assert counter.result()["ups"] == 0
    on, said, there = programs.loaded(machine), words_of_kernel(machine), descriptors(machine)

    machine.put("/run/switch.py", SWITCH)
    # What makes lists stays, once it is loaded; what watches does not.
    machine.put("/etc/sctpmond.conf.d/30-bpf.conf", "[Monitor]\nBpf=no\n")
    machine.run("systemctl reload sctpmond")
    seen.eventually(lambda: programs.loaded(machine), lambda now: now["probes"] == before["probes"])
    machine.run("sleep 2")
    off = programs.loaded(machine)
    assert before["programs"] < off["programs"] < on["programs"]
    arguments = " ".join(shlex.quote(json.dumps(one)) for one in (LOADS, on, off))
    switch = machine.spawn(f"exec python3 /run/switch.py {arguments}")
    churn = machine.spawn(CHURN.format(pid=switch.pid, port=CHURN_PORT))
    assert switch.wait(120 + 30 * LOADS) == 0, switch.output()
    assert churn.wait(120) == 0, churn.output()
    made = int(churn.stdout)
    figures = [json.loads(line) for line in switch.stdout.splitlines()]
    print(f"{made} connections; {figures}")

    seen.eventually(lambda: programs.loaded(machine), lambda now: now == on)
    assert words_of_kernel(machine) == said
    # What a look opens, and what is read over several looks, is closed again.
    for process in "pid", "scannerPid":
        assert figures[-1][process]["Threads"] == figures[0][process]["Threads"]
    seen.eventually(lambda: descriptors(machine), lambda now: all(n <= m for n, m in zip(now, there)))
    # That of the server grows with what it remembers.
    assert int(figures[-1]["scannerPid"]["VmRSS"]) < int(figures[0]["scannerPid"]["VmRSS"]) + GROWN_MAX

    seen.eventually(counter.result, lambda now: now["ups"] + now["established"] >= 2 * made, timeout=120)
    result = counter.result()
    print(result)
    assert result["ups"] + result["established"] == 2 * made
    assert result["downs"] + result["established"] == 2 * made
    assert (result["failed"], result["idle"], result["others"]) == (0, 0, [])
    counter.process.kill()
    stop(machine, before)
    idle.kill()


def follow(machine, socket, path):
    """From now on all that this daemon tells, a line each."""
    process = machine.spawn(f"exec sctpctl monitor --json=short --socket={socket} >{path}")
    seen.eventually(
        lambda: json.loads(machine.run(f"sctpctl status --json=short --socket={socket}").stdout),
        lambda now: now["clients"]["monitors"] == 1,
    )
    return process


def told(machine, path):
    """What was told of each association that came and went, how often."""
    result = collections.Counter()
    for line in machine.get(path).splitlines(keepends=True):
        change = json.loads(line) if line.endswith(b"\n") else {}
        if "association" in change:
            assert change["certainty"] == "exact", change
            one = change["association"]
            result[
                change["type"], one["localTag"], one["localPort"], one["peerPort"], change.get("oldState"),
                change.get("newState"), json.dumps(change.get("trigger"), sort_keys=True),
            ] += 1
    return result


def wait_until_told(machine, path, connections):
    """Each once."""
    result = seen.eventually(
        lambda: told(machine, path), lambda now: sum(one[0] == "association_down" for one in now) == 2 * connections,
    )
    assert sum(one[0] == "association_up" for one in result) == 2 * connections
    assert set(result.values()) == {1}
    return result


@pytest.mark.kernel("6.12")
def test_two_daemons(machine):
    before = start(machine)
    one = programs.loaded(machine)
    assert one["probes"] > before["probes"] == 0
    machine.run("mkdir /run/by-hand")
    other = machine.spawn(f"exec sctpmond --socket={OTHER_SOCKET} --state=/run/by-hand")
    machine.wait_until(f"test -S {OTHER_SOCKET}")
    wait_for_events(machine, OTHER_SOCKET)
    assert programs.loaded(machine) == programs.twice(before, one)

    first, second = (follow(machine, *where) for where in ((SOCKET, "/run/first"), (OTHER_SOCKET, "/run/second")))
    machine.run(f"sctpload -p {CHURN_PORT} churn 20 5", timeout=120)
    by_first = wait_until_told(machine, "/run/first", 100)
    assert wait_until_told(machine, "/run/second", 100) == by_first

    # What one unloads is its own; the other hears of what happens meanwhile, too.
    churn = machine.spawn(f"exec sctpload -p {CHURN_PORT} churn 10 5")
    other.kill()
    assert other.wait() == 0, other.output()
    assert churn.wait(120) == 0, churn.output()
    wait_until_told(machine, "/run/first", 150)
    seen.eventually(lambda: programs.loaded(machine), lambda now: now == one)
    assert first.returncode is None
    second.kill()
    stop(machine, before)


@pytest.mark.kernel("6.1")
def test_the_module_comes_later(machine):
    load.install(machine)
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nBpf=yes\nLoadModule=no\nDamping=no\n")
    machine.run("systemctl start sctpmond")
    assert machine.run("sctpctl eps", check=False).returncode == 3
    nothing = programs.loaded(machine)
    machine.run("modprobe sctp")
    wait_for_events(machine)
    assert seen.source(machine, "bpf_listing")["result"] == "read"
    assert programs.loaded(machine)["probes"] > nothing["probes"] == 0

    follow(machine, SOCKET, "/run/told")
    machine.run(f"sctpload -p {CHURN_PORT} churn 5 4", timeout=60)
    wait_until_told(machine, "/run/told", 20)
