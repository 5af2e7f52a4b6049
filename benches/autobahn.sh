#!/usr/bin/env bash
# Autobahn's suite for WebSocket against our server and our client, both on 127.0.0.1: `bash benches/autobahn.sh`.
# It needs Python 2.7, which Debian does not have any more: python2.7 in PATH, or PYTHON27=/where/it/is/python2.7.
# Everything else goes to target/autobahn, where the reports are too: server/index.html and client/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON27:-python2.7}
folder=$PWD/target/autobahn
if [ ! -x "$folder/venv/bin/wstest" ]; then
    "$python" --version
    "$python" -m pip install --quiet --target "$folder/tool" virtualenv==20.15.1
    PYTHONPATH=$folder/tool "$python" -m virtualenv --quiet "$folder/venv"
    "$folder/venv/bin/pip" install --quiet autobahntestsuite==25.10.1
fi
NETPRIMER_AUTOBAHN=$folder exec cargo test --test protocols autobahn -- --nocapture
