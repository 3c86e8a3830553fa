#!/bin/bash
# No encryption type of the client suits the account.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
error = 14
EOF
lab_directory dc1
record_start
sign_in alice || true
lab_wait 11
record_stop
