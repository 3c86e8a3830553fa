#!/bin/bash
# The freshness token that carol's client got is too old by the time it comes back.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card carol 1.3.6.1.4.1.311.20.2.2
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 90
hints = true
padata_hex = { 150 = "0000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5" }
[[answer]]
error = 25
hints = true
padata_hex = { 150 = "00005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a" }
EOF
lab_directory dc1
record_start
sign_in_mit carol || true
lab_wait 11
record_stop
