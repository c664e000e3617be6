"""Idle associations are never mentioned while others come and go, and of those that do not one is left out: what is
told of and what is counted as not observed is together what there was."""

import json
import os

import pytest

import inside
import journal
import load
import seen

IDLE, CHURNING, RATE = 2500, 500, 200
IDLE_PORT, CHURN_PORT = 7000, 7001
# `./quickstart soak` asks for ten minutes on each kernel.
SECONDS = 120

ENDS = """
ip netns add peer
ip link add veth0 type veth peer name veth0 netns peer
ip addr add 10.0.0.1/16 dev veth0 && ip link set veth0 up
ip -n peer addr add 10.0.0.2/16 dev veth0 && ip -n peer link set veth0 up && ip -n peer link set lo up
# Nobody has the time for so many HEARTBEATs here: paths would fail, and be told of.
modprobe sctp
for run in "" "ip netns exec peer"; do $run sysctl -q net.sctp.hb_interval=3600000; done
"""


def count(names, since, idle_port, churn_port):
    """In the guest, where the journal is: ups and downs by port, and sums of what was not observed."""
    import subprocess

    fields = "MESSAGE,MESSAGE_ID,SCTP_LOCAL_PORT,SCTP_PEER_PORT,SCTP_OLD_STATE,SCTP_ESTABLISHED,SCTP_FAILED"
    told = subprocess.run(
        ["journalctl", "--quiet", "--output=json", f"--output-fields={fields}", f"--since=@{since}",
         "_SYSTEMD_UNIT=sctpmond.service", *(f"MESSAGE_ID={value}" for value in names)],
        stdout=subprocess.PIPE, check=True)
    result = {"established": 0, "failed": 0, "downs": 0, "others": []}
    for entry in map(json.loads, told.stdout.splitlines()):
        kind = names[entry["MESSAGE_ID"]]
        port = next((port for port in (idle_port, churn_port)
                     if str(port) in (entry.get("SCTP_LOCAL_PORT"), entry.get("SCTP_PEER_PORT"))), None)
        if kind == "unobserved":
            result["established"] += int(entry["SCTP_ESTABLISHED"])
            result["failed"] += int(entry["SCTP_FAILED"])
        elif port:
            key = f"{port} {kind}"
            result[key] = result.get(key, 0) + 1
            # One that is last seen before it was established may have been it since, and counts as not observed.
            result["downs"] += port == churn_port and kind == "association_down" and entry["SCTP_OLD_STATE"] not in (
                "cookie_wait", "cookie_echoed")
        else:
            result["others"].append(entry["MESSAGE"])
    return result


@pytest.mark.kernel("6.12")
def test_soak(machine):
    seconds = int(os.environ.get("SCTPMON_SOAK_SECONDS", SECONDS))
    load.install(machine)
    machine.run(ENDS)
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nDamping=no\nCpuShare=50%\n")
    machine.run("systemctl start sctpmond && sctpctl eps")
    for port in IDLE_PORT, CHURN_PORT:
        machine.spawn(f"exec ip netns exec peer sctpload -a 10.0.0.2 -p {port} serve")
        machine.wait_until(f"ip netns exec peer grep -qw {port} /proc/net/sctp/eps")
    idle = load.hold(machine, IDLE, IDLE_PORT, "-c -a 10.0.0.2")
    seen.eventually(lambda: seen.status(machine)["associations"], lambda n: n == 2 * IDLE, timeout=120)
    journal.settle(machine)
    since = machine.run("date +%s.%6N").stdout.strip()

    # It goes before those who look on: an emulated machine may not have the time for both.
    churn = machine.spawn(f"exec nice -n -15 sctpload -c -a 10.0.0.2 -p {CHURN_PORT} -k {CHURNING} churn {RATE} {seconds}")
    assert churn.wait(6 * seconds + 120) == 0, churn.output()
    made = RATE * seconds
    assert f"made {made} " in churn.stdout

    seen.eventually(lambda: seen.status(machine)["associations"], lambda n: n == 2 * IDLE, timeout=120)

    def settled():
        journal.settle(machine)
        result = inside.run(machine, count, journal.NAMES, since, IDLE_PORT, CHURN_PORT)
        return result | {"sum": result.get(f"{CHURN_PORT} association_up", 0) + result["established"]}

    result = seen.eventually(settled, lambda now: now["sum"] >= 2 * made, timeout=120)
    print(f"{churn.stdout.strip()}; {result}")
    # Both ends are here.
    assert result["sum"] == 2 * made
    assert result["downs"] + result["established"] == 2 * made
    assert result["failed"] == 0
    assert [key for key in result if key.startswith(str(IDLE_PORT))] == []
    assert result["others"] == []
    now = seen.status(machine)
    assert (now["journal"]["lost"], now["journal"]["queued"]) == (0, 0)
    assert len(json.loads(machine.run("sctpctl assocs --json=short").stdout)) == 2 * IDLE
    idle.kill()
