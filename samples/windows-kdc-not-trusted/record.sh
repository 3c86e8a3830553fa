#!/bin/bash
# The domain controller finds that it does not fit what the client trusts: 63 to alice, 76 to bob.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 63
[[answer]]
client = "bob"
padata = [16]
error = 76
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
