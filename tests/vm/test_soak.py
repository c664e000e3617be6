"""Idle associations are never mentioned while others come and go, and of those that do not one is left out: what is
told of and what is counted as not observed is together what there was."""

import json
import os
import shlex

import pytest

import journal
import load
import seen

IDLE, CHURNING, RATE = 2500, 500, 200
IDLE_PORT, CHURN_PORT = 7000, 7001
# Two minutes go by until all is counted; `./quickstart soak` asks for ten minutes of it on each kernel.
SECONDS = 60

ENDS = """
ip netns add peer
ip link add veth0 type veth peer name veth0 netns peer
ip addr add 10.0.0.1/16 dev veth0 && ip link set veth0 up
ip -n peer addr add 10.0.0.2/16 dev veth0 && ip -n peer link set veth0 up && ip -n peer link set lo up
# Nobody has the time for so many HEARTBEATs here: paths would fail, and be told of.
modprobe sctp
for run in "" "ip netns exec peer"; do $run sysctl -q net.sctp.hb_interval=3600000; done
"""


# Follows the journal, of which the guest keeps only some 60,000 entries: ups and downs by port, and sums of what was not
# observed. Told a number by `logger --tag=soak`, it writes down what there was until then. Which ones of those that are told of
# do not begin and end in turns is told, too: those are the ones to look at where the sums are not right.
COUNT = """
import json, os, subprocess, sys
names, since, idle_port, churn_port = json.loads(sys.argv[1])
fields = ("MESSAGE", "MESSAGE_ID", "SYSLOG_IDENTIFIER", "SCTP_LOCAL_PORT", "SCTP_PEER_PORT", "SCTP_OLD_STATE",
          "SCTP_ESTABLISHED", "SCTP_FAILED", "SCTP_ASSOC_ID", "SCTP_NETNS")
told = subprocess.Popen(
    ["journalctl", "--quiet", "--follow", "--no-tail", "--output=json", "--output-fields=" + ",".join(fields),
     "--since=@" + since, "_SYSTEMD_UNIT=sctpmond.service", *("MESSAGE_ID=" + value for value in names),
     "+", "SYSLOG_IDENTIFIER=soak"], stdout=subprocess.PIPE)
result = {"number": 0, "established": 0, "failed": 0, "ups": 0, "downs": 0, "idle": 0, "others": [], "odd": []}
up = {}
for entry in map(json.loads, told.stdout):
    kind = names.get(entry.get("MESSAGE_ID"))
    ports = entry.get("SCTP_LOCAL_PORT"), entry.get("SCTP_PEER_PORT")
    if entry["SYSLOG_IDENTIFIER"] == "soak":
        result["number"] = int(entry["MESSAGE"])
        with open("/run/counted.new", "w") as file:
            json.dump({**result, "left": list(up.values())[:20]}, file)
        os.rename("/run/counted.new", "/run/counted")
    elif kind == "unobserved":
        result["established"] += int(entry["SCTP_ESTABLISHED"])
        result["failed"] += int(entry["SCTP_FAILED"])
    elif str(idle_port) in ports:
        result["idle"] += 1
    elif str(churn_port) in ports:
        which = entry.get("SCTP_NETNS"), entry.get("SCTP_ASSOC_ID"), ports
        # One that is last seen before it was established may have been it since, and counts as not observed.
        attempt = kind == "association_down" and entry["SCTP_OLD_STATE"] in ("cookie_wait", "cookie_echoed")
        if (kind == "association_up" and which in up) or (kind == "association_down" and (which in up) == attempt):
            result["odd"] = (result["odd"] + [up.get(which), entry["MESSAGE"]])[:20]
        if kind == "association_up":
            result["ups"] += 1
            up[which] = entry["MESSAGE"]
        elif kind == "association_down":
            result["downs"] += not attempt
            up.pop(which, None)
    else:
        result["others"].append(entry["MESSAGE"])
"""


class Counter:
    def __init__(self, machine):
        since = machine.run("date +%s.%6N").stdout.strip()
        machine.put("/run/count.py", COUNT)
        arguments = shlex.quote(json.dumps([journal.NAMES, since, IDLE_PORT, CHURN_PORT]))
        self.machine, self.number = machine, 0
        self.process = machine.spawn(f"exec python3 /run/count.py {arguments}")

    def result(self):
        """Of all that the daemon has seen by now."""
        journal.settle(self.machine)
        self.number += 1
        self.machine.run(f"logger --tag=soak {self.number}")
        self.machine.wait_until(f"grep -q '\"number\": {self.number},' /run/counted", timeout=120)
        return json.loads(self.machine.get("/run/counted"))


# What is told of each goes to the journal: the kernel tells each step, of which looks meet a few.
@pytest.mark.kernel("6.12")
def test_soak(machine):
    soak(machine, RATE // 5, SECONDS)
    assert seen.source(machine, "bpf_events").get("reason") is None


@pytest.mark.kernel("6.1")
@pytest.mark.machine(bpf=False)
def test_soak_without_bpf(machine):
    soak(machine, RATE, SECONDS)


def soak(machine, rate, seconds):
    seconds = int(os.environ.get("SCTPMON_SOAK_SECONDS", seconds))
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
    counter = Counter(machine)

    # It goes before those who look on: an emulated machine may not have the time for both.
    churn = machine.spawn(f"exec nice -n -15 sctpload -c -a 10.0.0.2 -p {CHURN_PORT} -k {CHURNING} churn {rate} {seconds}")
    assert churn.wait(6 * seconds + 120) == 0, churn.output()
    made = rate * seconds
    assert f"made {made} " in churn.stdout

    seen.eventually(lambda: seen.status(machine)["associations"], lambda n: n == 2 * IDLE, timeout=120)

    # Both ends are here.
    seen.eventually(counter.result, lambda now: now["ups"] + now["established"] >= 2 * made, timeout=120)
    result = counter.result()
    print(f"{churn.stdout.strip()}; {result}")
    assert result["ups"] + result["established"] == 2 * made
    assert result["downs"] + result["established"] == 2 * made
    assert (result["failed"], result["idle"], result["others"]) == (0, 0, [])
    now = seen.status(machine)
    assert (now["journal"]["lost"], now["journal"]["queued"]) == (0, 0)
    assert len(json.loads(machine.run("sctpctl assocs --json=short").stdout)) == 2 * IDLE
    counter.process.kill()
    idle.kill()
