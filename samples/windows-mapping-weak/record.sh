#!/bin/bash
# The certificate on carol's card has no strong link to her account.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card carol 1.3.6.1.4.1.311.20.2.2
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 66
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in carol || true
lab_wait 11
record_stop
