#!/bin/bash
# Three wrong passwords of alice.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_script dc1 <<EOF
[[answer]]
padata = [2]
error = 24
status = 0xc000006a
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
for _ in 1 2 3; do sign_in_with_password alice || true; done
record_stop
