# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers in a machine(docker=True), made of its own root: image "sctp"."""

IMAGE = "sctp"


def run(machine, name, command, options=""):
    """Starts a container; the number of its first process."""
    machine.run(f"docker run --detach --name {name} {options} {IMAGE} {command}")
    return int(machine.run(f"docker inspect --format='{{{{.State.Pid}}}}' {name}").stdout)


def publish(machine, pid, host_port, container_port):
    """Publishes a port of a container without a network of docker's the way Kubernetes does."""
    machine.run(f"/usr/local/lib/lab/publish-port {pid} {host_port} {container_port}")
