#!/bin/bash
# Neither domain controller has a certificate for PKINIT. Both list PKINIT in error 25, as they do without one, and
# refuse with 16.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_card carol 1.3.6.1.4.1.311.20.2.2
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 16
status = 0xc00000bb
[[answer]]
error = 25
hints = true
EOF
lab_script dc2 <<EOF
[[answer]]
padata = [16]
error = 16
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1 dc2
record_start
sign_in alice || true
client_conf 10.99.0.10 "kdc = 10.99.0.11"
sign_in_mit carol || true
record_stop
