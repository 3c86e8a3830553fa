#!/bin/bash
# One computer uses a key at one time and a partial ticket of Microsoft Entra at another.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
LAB_KDC_PORT=$BEHIND lab_realm dc1 alice
lab_script dc1 <<EOF
[[answer]]
stage = "tgs"
ticket = true
EOF
lab_directory dc1
record_start
sign_in alice
key_list_client "cifs/files.$DOMAIN"
record_stop
