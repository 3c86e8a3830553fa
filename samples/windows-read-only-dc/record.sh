#!/bin/bash
# A read-only domain controller holds no secret of the service and says so; the client does not turn to another.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
LAB_KDC_PORT=$BEHIND lab_realm dc1 alice
lab_script dc1 <<EOF
[[answer]]
stage = "tgs"
error = 7
status = 0xc0000371
EOF
lab_directory dc1
record_start
sign_in alice
service_ticket files || true
lab_wait 11
record_stop
