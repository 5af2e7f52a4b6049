#!/bin/sh
# How long a learner waits: the first build of a lesson (cold), and from a changed example to its output (edit to run).
#
# usage: benches/buildtime.sh [EXAMPLE] [LIMIT]     EXAMPLE: 02_1_tcp_server; LIMIT: 600 seconds for the cold build
#
# Cold means an empty target folder (a new one in the system's folder for such things, removed at the end) while all
# crates are downloaded already. The program gets a wrong address, so that it says so and ends: how long it runs is no
# part of the figure.
set -eu
cd "$(dirname "$0")/.."
example=${1:-02_1_tcp_server}
limit=${2:-600}
source=examples/$example.rs
[ -f "$source" ] || { echo "error: no $source" >&2; exit 2; }

cargo fetch --locked --quiet
CARGO_TARGET_DIR=$(mktemp -d)
export CARGO_TARGET_DIR CARGO_NET_OFFLINE=true
trap 'rm -rf "$CARGO_TARGET_DIR"' EXIT
trap 'exit 1' INT TERM

now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{ printf "%.2f s", $2 - $1 }'; }

echo "$(nproc) cores, $(rustc --version), load average $(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo '?')"

start=$(now)
timeout "$limit" cargo build --locked --quiet --example "$example"
echo "cold build of $example: $(since "$start") (goal: at most 40 s on two cores)"
# What the commands of this script used so far stands in the second line of `times`; a shell of its own, as $(…) is one,
# would know nothing of them.
times >"$CARGO_TARGET_DIR/times"
echo "processor time of it, user and system: $(tail -n 1 "$CARGO_TARGET_DIR/times")"

run() {
    # Port 99999 does not exist: status 2 is what we want to see.
    status=0
    timeout 60 cargo run --locked --quiet --example "$example" -- 127.0.0.1:99999 >/dev/null 2>&1 || status=$?
    [ "$status" -eq 2 ] || { echo "error: $example ended with $status instead of 2" >&2; exit 1; }
}

run
for round in 1 2 3 4 5; do
    touch "$source"
    start=$(now)
    run
    echo "edit to run, $round: $(since "$start") (goal: at most 0.4 s)"
done
echo "target folder: $(du -sh "$CARGO_TARGET_DIR" | cut -f1)"
