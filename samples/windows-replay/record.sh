#!/bin/bash
# The domain controller takes a request for one that it has seen.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 34
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in alice || true
lab_wait 11
record_stop
