#!/bin/bash
# The account of alice is locked out.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
error = 18
status = 0xc0000234
EOF
lab_directory dc1
record_start
sign_in alice || true
record_stop
