# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a function of a test in the guest: it may use the names of varlink.py, and imports what else it needs."""

import inspect
import json
import shlex
from pathlib import Path

VARLINK = Path(__file__).with_name("varlink.py")
RUN = "import sys\nprint(json.dumps({name}(*json.loads(sys.argv[1]))))\n"


def run(machine, function, *arguments, timeout=120):
    """What the function returns; a failure in the guest is one here."""
    name = function.__name__
    program = VARLINK.read_text() + "\n\n" + inspect.getsource(function) + "\n\n" + RUN.format(name=name)
    command = f"python3 - {shlex.quote(json.dumps(arguments))}"
    return json.loads(machine.run(command, input=program, timeout=timeout).stdout)
