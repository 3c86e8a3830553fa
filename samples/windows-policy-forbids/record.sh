#!/bin/bash
# An authentication policy keeps alice from this device; an account restriction keeps bob out.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 12
status = 0xc0000413
[[answer]]
client = "bob"
padata = [16]
error = 12
status = 0xc000006e
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in alice || true
sign_in bob || true
lab_wait 11
record_stop
