#!/bin/bash
# The domain controller says in its answer to the ping that it is older than Windows Server 2016, and refuses the key.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_pings dc1 23 0x33fd
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 62
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
locate 10.99.0.10
sign_in alice || true
record_stop
