#!/bin/bash
# The key of alice was made two hours ago, and the domain controller still refuses it with 75.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
LAB_KEY_AGE=120 lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 75
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in alice || true
record_stop
