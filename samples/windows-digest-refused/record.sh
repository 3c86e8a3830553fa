#!/bin/bash
# A policy of the domain controller forbids the hash algorithm of alice's certificate, and of bob's request.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 78
typed = [111]
[[answer]]
client = "bob"
padata = [16]
error = 80
typed = [111]
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
