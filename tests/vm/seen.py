# SPDX-License-Identifier: LGPL-2.1-or-later
"""What sctpctl shows, as objects."""

import json
import pprint
import time


def listed(machine, verb, options=""):
    """Rows of `eps` or `assocs`; status 4 says that what was asked for by a filter is not there."""
    process = machine.run(f"sctpctl {verb} --json=short {options}", check=False)
    assert process.returncode == 0 or (process.returncode == 4 and options), process.output()
    return json.loads(process.stdout)


def status(machine):
    return json.loads(machine.run("sctpctl status --json=short").stdout)


def source(machine, name):
    """Before the first look there are none: then its result is None."""
    return next((one for one in status(machine)["sources"] if one["name"] == name), {"name": name, "result": None})


def by_port(rows):
    """Of endpoints; one for each port, or it is an error."""
    result = {row["localPort"]: row for row in rows}
    assert len(result) == len(rows), rows
    return result


def by_ports(rows):
    """Of associations; one for each pair of ports, or it is an error."""
    result = {(row["localPort"], row["peerPort"]): row for row in rows}
    assert len(result) == len(rows), rows
    return result


def eventually(look, right, timeout=60):
    """Looks again and again until what is seen is right: details are asked for in turns."""
    deadline = time.monotonic() + timeout
    while not right(result := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not right after {timeout} s: {pprint.pformat(result)}")
        time.sleep(0.1)
    return result


def row_is(row, **wanted):
    """Whether it has all these, and none of those that are None."""
    return all(row.get(name) == value for name, value in wanted.items())
