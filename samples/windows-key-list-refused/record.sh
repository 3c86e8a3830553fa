#!/bin/bash
# The user is one for whom partial tickets of Microsoft Entra are not taken.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_script dc1 <<EOF
[[answer]]
error = 20
EOF
lab_directory dc1
record_start
key_list_client cifs/files.corp.example || true
lab_wait 11
record_stop
