#!/bin/bash
# The domain controller wants a larger group, and the client comes again with it.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card carol 1.3.6.1.4.1.311.20.2.2
LAB_KDC_PORT=$BEHIND lab_realm dc1
lab_script dc1 <<EOF
[[answer]]
padata = [16]
times = 1
error = 65
typed = [109]
[[answer]]
stage = "as"
without = [16]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in_mit carol
record_stop
