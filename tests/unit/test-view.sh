#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
command -v python3 >/dev/null || { echo "1..0 # SKIP there is no python3"; exit; }
exec python3 -B "$(dirname "$0")/view.py"
