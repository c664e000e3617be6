#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes ./configure, which the repository does not hold.
set -e
cd "$(dirname "$0")"
exec autoreconf --force --install
