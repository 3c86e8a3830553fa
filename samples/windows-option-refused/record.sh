#!/bin/bash
# alice signs in; the first request for a ticket is answered 13 with STATUS_NOT_SUPPORTED, as Windows does every day.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
LAB_KDC_PORT=$BEHIND lab_realm dc1 alice
lab_script dc1 <<EOF
[[answer]]
stage = "tgs"
times = 1
error = 13
status = 0xc00000bb
[[answer]]
stage = "as"
without = [16]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in alice
service_ticket files || service_ticket files
record_stop
