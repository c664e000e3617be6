# SPDX-License-Identifier: LGPL-2.1-or-later
"""What sctpmond writes to the guest's journal."""

import json
import re
from pathlib import Path

HEADER = Path(__file__).resolve().parents[2] / "lib/message-id.h"
# "association_up", …: the change's type in the interface. That SCTP is there each daemon says at its start.
NAMES = {
    value: name.lower()
    for name, value in re.findall(r'#define MESSAGE_ID_(\w+)\s+"([0-9a-f]{32})"', HEADER.read_text())
    if not name.endswith("AVAILABLE")
}


def status(machine):
    return json.loads(machine.run("sctpctl status --json=short").stdout)


# Until two looks that began after now are through, and all that they saw is in the journal. Each sctpctl
# assocs asks for a look that begins now; its answer may be an older one, if that takes long.
SETTLE = r"""
member() { sctpctl status --json=short | sed -nE "s/.*\"$1\":([0-9]+).*/\1/p"; }
wanted=$(($(member serial) + 2))
until (($(member serial) >= wanted && $(member queued) == 0)); do sctpctl assocs --json=short >/dev/null; done
journalctl --sync
"""


def settle(machine):
    machine.run(SETTLE, timeout=900)


def entries(machine, *matches):
    """All changes told up to now, the oldest first, each with the name of its MESSAGE_ID as `kind`."""
    ids = " ".join(f"MESSAGE_ID={value}" for value in NAMES)
    show = f"journalctl --quiet --output=json _SYSTEMD_UNIT=sctpmond.service {ids} {' '.join(matches)}"
    settle(machine)
    result = [json.loads(line) for line in machine.run(show).stdout.splitlines()]
    for entry in result:
        entry["kind"] = NAMES[entry["MESSAGE_ID"]]
    return result


def of(entries, local_port, peer_port):
    """Those of one association."""
    ends = {"SCTP_LOCAL_PORT": str(local_port), "SCTP_PEER_PORT": str(peer_port)}
    return [entry for entry in entries if ends.items() <= entry.items()]


def wait_for_state(machine, state, local_port, peer_port):
    machine.wait_until(
        f"journalctl --quiet SCTP_NEW_STATE={state} SCTP_LOCAL_PORT={local_port} SCTP_PEER_PORT={peer_port} | grep -q ."
    )


def kinds(entries):
    return [entry["kind"] for entry in entries]


def steps(entries):
    """The states that one association went through, "closed" at both ends; nothing left out and nothing said twice."""
    assert entries, "nothing is told of it"
    for before, after in zip(entries, entries[1:]):
        assert after["SCTP_OLD_STATE"] == before["SCTP_NEW_STATE"]
    for entry in entries:
        assert entry["SCTP_OLD_STATE"] != entry["SCTP_NEW_STATE"]
        assert entry["kind"] == {"established": "association_up", "closed": "association_down"}.get(
            entry["SCTP_NEW_STATE"], "association_state"
        )
    return [entries[0]["SCTP_OLD_STATE"]] + [entry["SCTP_NEW_STATE"] for entry in entries]
