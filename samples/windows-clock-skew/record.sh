#!/bin/bash
# The client's clock is two hours ahead; alice signs in with a key, bob with a password.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 37
skew = true
[[answer]]
padata = [2]
error = 37
status = 0xc0000133
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
with_clock 7200 sign_in alice || true
with_clock 7200 sign_in_with_password bob || true
lab_wait 11
record_stop
