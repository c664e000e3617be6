# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether Debian's package, made from a copy of this tree, installs, upgrades, and goes without a trace."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import cache
import deb
import journal

# Release tarballs have no debian/.
MISSING = deb.missing()
pytestmark = [
    pytest.mark.skipif(not (deb.TOP / "debian/rules").exists(), reason="there is no debian/"),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"),
    pytest.mark.kernel("6.12"),
    pytest.mark.machine(bare=True),
]

LATER = "+later"
CONFIGURATION = "/etc/sctpmond.conf"
UNITS = "sctpmond.socket", "sctpmond.service"
PIDS = "pid", "scannerPid"
FILES = [
    "/usr/share/man/man1/sctpctl.1.gz", "/usr/share/man/man5/sctpmond.conf.5.gz",
    "/usr/share/man/man7/sctpmon-fields.7.gz", "/usr/share/man/man8/sctpmond.8.gz",
    "/usr/share/bash-completion/completions/sctpctl", "/usr/share/zsh/vendor-completions/_sctpctl",
    "/usr/share/varlink/io.sctpmon.Monitor.varlink", "/usr/share/doc/sctpmon/copyright",
]


def build_packages(paths, work):
    """first.deb, and later.deb: of a later version, which comes with other settings."""
    source = work / "source"
    deb.copy_sources(paths, source)
    done = deb.build(source, "binary")
    assert done.returncode == 0, done.stdout[-5000:]
    made = list(work.glob("sctpmon_*.deb"))
    assert len(made) == 1, made
    made[0].rename(work / "first.deb")
    shutil.rmtree(source)

    later = work / "later"
    subprocess.run(["dpkg-deb", "--raw-extract", work / "first.deb", later], check=True)
    control = later / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", rf"\g<0>{LATER}", control.read_text()))
    with open(later / CONFIGURATION[1:], "a") as settings:
        settings.write("# Later.\n")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", later, work / "later.deb"], check=True)
    shutil.rmtree(later)


@pytest.fixture(scope="session")
def packages():
    paths = deb.sources()
    # Names and modes count as well as contents.
    ingredients = [Path(__file__), *(item for path in paths for item in (path, deb.TOP / path))]
    return cache.entry("package", ingredients, lambda work: build_packages(paths, work))


def dpkg(machine, *arguments):
    # Emulated, and with triggers to process, it takes its time.
    return machine.run(f"DEBIAN_FRONTEND=noninteractive dpkg {' '.join(arguments)}", timeout=300)


def install(machine, package, *options):
    """Whatever it depends on must be there: the guest has no network. What dpkg says of it then, and its version."""
    machine.put(f"/root/{package.name}", package.read_bytes())
    dpkg(machine, *options, "--install", f"/root/{package.name}")
    return machine.run("dpkg-query --show --showformat='${db:Status-Status} ${Version}' sctpmon").stdout.split()


def shown(machine, unit, what):
    return machine.run(f"systemctl show --property={what} --value {unit}").stdout.strip()


def states(machine):
    return [(shown(machine, unit, "ActiveState"), shown(machine, unit, "UnitFileState")) for unit in UNITS]


def catalog(machine):
    """Which of our messages journalctl has more to say about."""
    listed = machine.run("journalctl --list-catalog").stdout
    return {name for identity, name in journal.NAMES.items() if identity in listed}


def test_lintian_has_nothing_to_say(packages):
    done = deb.lint(packages / "first.deb")
    assert done.returncode == 0, done.stdout


def test_install_upgrade_remove_purge(machine, packages):
    status, version = install(machine, packages / "first.deb")
    assert status == "installed"
    assert states(machine) == [("active", "enabled")] * 2
    assert machine.run("systemctl --failed --no-legend").stdout == ""
    machine.run("getent passwd sctpmon && getent group sctpmon")
    assert machine.run("stat --format='%U %G %a' /run/sctpmon/io.sctpmon.Monitor").stdout == "root sctpmon 660\n"
    # The daemon runs as that user, has loaded the module, and answers.
    machine.wait_until("sctpctl eps --json=short | grep --line-regexp --fixed-strings '[]'")
    old = journal.status(machine)
    assert machine.run(f"ps --no-headers --format=user --pid={old['pid']}").stdout == "sctpmon\n"
    assert catalog(machine) == set(journal.NAMES.values())
    machine.wait_until(
        "journalctl --sync; journalctl --no-pager --catalog --unit=sctpmond | grep 'Subject: SCTP is available'"
    )
    for path in FILES:
        machine.run(f"test -s {path}")
    machine.put("/root/smoke", (deb.TOP / "debian/tests/smoke").read_bytes())
    machine.run("sh /root/smoke")

    # An upgrade keeps what was changed, though the settings that come along are others, and the daemon is the new one.
    machine.run(f"sed -i 's/^#Interval=.*/Interval=250ms/' {CONFIGURATION}")
    edited = machine.get(CONFIGURATION)
    assert b"\nInterval=250ms\n" in edited
    socket_since = shown(machine, "sctpmond.socket", "ActiveEnterTimestampMonotonic")
    upgraded = install(machine, packages / "later.deb", "--force-confdef", "--force-confold")
    assert upgraded == ["installed", f"{version}{LATER}"]
    assert machine.get(CONFIGURATION) == edited
    assert machine.get(f"{CONFIGURATION}.dpkg-dist").endswith(b"# Later.\n")
    assert states(machine) == [("active", "enabled")] * 2
    new = journal.status(machine)
    assert not {old[name] for name in PIDS} & {new[name] for name in PIDS}
    assert new["intervalMs"] == 250
    # Whoever connected meanwhile was let in.
    assert shown(machine, "sctpmond.socket", "ActiveEnterTimestampMonotonic") == socket_since

    # What was switched off stays off.
    machine.run("systemctl disable --now sctpmond.service sctpmond.socket")
    dpkg(machine, "--install", "/root/later.deb")
    assert states(machine) == [("inactive", "disabled")] * 2
    machine.run("systemctl enable --now sctpmond.socket sctpmond.service")

    dpkg(machine, "--remove", "sctpmon")
    assert machine.get(CONFIGURATION) == edited
    assert machine.run("pgrep sctpmon", check=False).stdout == ""
    assert machine.run("systemctl list-units --no-legend --state=active,activating,failed 'sctpmon*'").stdout == ""
    assert machine.run("test -e /run/sctpmon || test -e /usr/sbin/sctpmond", check=False).returncode == 1
    assert catalog(machine) == set()

    dpkg(machine, "--purge", "sctpmon")
    # systemd takes the service's private folders away in its own time; what it knows of units is its own.
    machine.wait_until(
        "left=$(find /etc /usr /var /run -path /run/systemd -prune -o '(' -name '*sctpmon*' -o -name '*sctpctl*' ')' -print)"
        '; echo "$left"; test -z "$left"'
    )
    machine.run("systemctl daemon-reload")
    assert machine.run("systemctl list-units --all --no-legend 'sctpmon*'").stdout == ""
    # Which fails where there is none.
    assert machine.run("systemctl list-unit-files --no-legend 'sctpmon*'", check=False).stdout == ""
