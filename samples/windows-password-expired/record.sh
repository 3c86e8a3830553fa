#!/bin/bash
# The password of alice has expired, that of bob must be changed; that of carol has expired, and she shows a key.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key carol 1104
LAB_KDC_PORT=$BEHIND lab_realm dc1 carol
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [2]
error = 23
status = 0xc0000071
[[answer]]
client = "bob"
padata = [2]
error = 23
status = 0xc0000224
[[answer]]
client = "carol"
padata = [16]
error = 23
granted = [17]
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
for user in alice bob; do client kinit "$user" <<<lab-only || true; done
sign_in carol || true
record_stop
