#!/bin/sh
# Makes ./configure, which the repository does not hold.
set -e
cd "$(dirname "$0")"
exec autoreconf --force --install
