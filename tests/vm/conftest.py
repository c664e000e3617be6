# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test that takes `machine` gets a fresh one, once with each kernel; one that is long and has a mark for it, with that
kernel only, unless SCTPMON_EVERY_KERNEL is set. Where it is asked for, and everywhere with SCTPMON_NO_BPF, the daemon in
it reads the kernel's tables; tests of what BPF alone does are left out then."""

import contextlib
import os
import re
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from guest import MachineDied
from kernel import SUITES, TESTING
from machine import start

BUILT = Path(__file__).resolve().parents[2] / "build/tree"


def pytest_addoption(parser):
    parser.addoption("--kernel", action="append", choices=[*SUITES, *TESTING], help="only this kernel")
    parser.addoption("--tree", type=Path, default=BUILT, help="what `make install DESTDIR=TREE` made")
    parser.addoption("--coverage", type=Path, help="of a tree for it: where each test's counts go")


def pytest_generate_tests(metafunc):
    if "kernel" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("kernel")
        every = not mark or "SCTPMON_EVERY_KERNEL" in os.environ
        wanted = list(SUITES) if every else list(mark.args)
        asked = metafunc.config.getoption("kernel")
        metafunc.parametrize("kernel", asked or wanted)


@pytest.fixture
def machine(request, kernel):
    marker = request.node.get_closest_marker("machine")
    options = dict(marker.kwargs) if marker else {}
    bare, bpf = options.pop("bare", False), options.pop("bpf", None)
    without = "SCTPMON_NO_BPF" in os.environ
    if bpf and without:
        pytest.skip("without BPF there is nothing to try")
    tree = None if bare else request.config.getoption("tree")
    with start(kernel, tree=tree, **options) as machine:
        if tree and (without or bpf is False):
            machine.put("/etc/sctpmond.conf.d/00-no-bpf.conf", "[Monitor]\nBpf=no\n")
        yield machine
        coverage = request.config.getoption("coverage")
        if tree and coverage and not machine.channel.closed:
            bring_counts(machine, coverage / re.sub(r"[^\w.-]", "_", request.node.nodeid))


def bring_counts(machine, folder):
    """What the daemon has run; see tests/analyse/dump.c."""
    machine.run(
        "for pid in $(pgrep -x sctpmond-scan); do kill -USR1 $pid; while [ -e /proc/$pid ]; do sleep 0.1; done; done; "
        "systemctl stop sctpmond.socket sctpmond",
        check=False,
    )
    packed = machine.run("tar --create --directory=/var/lib/gcov .").data()
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        tar.extractall(folder)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure is told with what the guest has to say about it."""
    report = (yield).get_result()
    machine = item.funcargs.get("machine")
    if report.when != "call" or not report.failed or not machine:
        return
    report.sections.append(("console", machine.last_words()))
    if not machine.channel.closed:
        # A slow machine may have more to say than it has time for: the failure is told in any case.
        with contextlib.suppress(TimeoutError, MachineDied):
            journal = machine.run(f"journalctl --no-pager --lines=5000 --since=@{machine.started:.0f}", check=False)
            report.sections.append(("journal", journal.output()))
