#!/bin/bash
# carol with a card and bob with a password are asked for proof first and then get in.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key bob 1104
lab_card carol 1.3.6.1.4.1.311.20.2.2
LAB_KDC_PORT=$BEHIND lab_realm dc1 bob
lab_script dc1 <<EOF
[[answer]]
stage = "as"
without = [16, 2]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in_mit carol
sign_in_with_password bob
record_stop
