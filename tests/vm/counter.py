# SPDX-License-Identifier: LGPL-2.1-or-later
"""Follows the journal, of which a guest keeps only some 60,000 entries, and counts what is told."""

import json
import shlex

import journal

# Ups and downs by port, and sums of what was not observed. Told a number by `logger --tag=soak`, it writes down what there
# was until then: also which ones did not begin and end in turns, to be looked at where the sums are not right.
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
    """Of two ports: of the one nobody is to hear anything, at the other associations come and go."""

    def __init__(self, machine, idle_port, churn_port):
        since = machine.run("date +%s.%6N").stdout.strip()
        machine.put("/run/count.py", COUNT)
        arguments = shlex.quote(json.dumps([journal.NAMES, since, idle_port, churn_port]))
        self.machine, self.number = machine, 0
        self.process = machine.spawn(f"exec python3 /run/count.py {arguments}")

    def result(self):
        """Of all that the daemon has seen by now."""
        journal.settle(self.machine)
        self.number += 1
        self.machine.run(f"logger --tag=soak {self.number}")
        self.machine.wait_until(f"grep -q '\"number\": {self.number},' /run/counted", timeout=120)
        return json.loads(self.machine.get("/run/counted"))
