#!/bin/bash
# The client insists on an option of armor that the domain controller does not know.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card bob 1.3.6.1.4.1.311.20.2.2
lab_card carol 1.3.6.1.4.1.311.20.2.2
LAB_KDC_PORT=$BEHIND lab_realm dc1
lab_script dc1 <<EOF
[[answer]]
padata = [136]
error = 93
EOF
lab_directory dc1
record_start
sign_in_mit bob -c "FILE:$LAB/armor" >/dev/null
client kinit -T "FILE:$LAB/armor" carol <<<lab-only || true
lab_wait 11
record_stop
