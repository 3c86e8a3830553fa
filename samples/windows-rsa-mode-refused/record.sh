#!/bin/bash
# carol's client wants the reply encrypted to her RSA key: 81; dave's too: 14.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card carol 1.3.6.1.4.1.311.20.2.2
lab_card dave 1.3.6.1.4.1.311.20.2.2
lab_script dc1 <<EOF
[[answer]]
client = "carol"
padata = [16]
error = 81
[[answer]]
client = "dave"
padata = [16]
error = 14
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in_mit carol -X flag_RSA_PROTOCOL=yes || true
sign_in_mit dave -X flag_RSA_PROTOCOL=yes || true
lab_wait 11
record_stop
