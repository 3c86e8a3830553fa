#!/bin/bash
# dc1 has a certificate for PKINIT, dc2 has none.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_realm dc1 alice bob
lab_script dc2 <<EOF
[[answer]]
padata = [16]
error = 16
status = 0xc00000bb
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1 dc2
record_start
sign_in bob
client_conf 10.99.0.10 "kdc = 10.99.0.11"
sign_in alice || true
client_conf 10.99.0.10 "kdc = 10.99.0.10"
sign_in alice
record_stop
