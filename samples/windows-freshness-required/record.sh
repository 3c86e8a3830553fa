#!/bin/bash
# The domain controller requires freshness tokens, which the client does not know.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
error = 25
hints = true
padata_hex = { 150 = "00005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a" }
EOF
lab_directory dc1
record_start
sign_in alice || true
sign_in alice || true
lab_wait 11
record_stop
