#!/bin/bash
# The client has a partial ticket of Microsoft Entra and exchanges it for a full one.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_script dc1 <<EOF
[[answer]]
stage = "tgs"
service = "krbtgt/CORP.EXAMPLE"
padata = [161]
times = 1
ticket = true
[[answer]]
stage = "tgs"
without = [161]
ticket = true
EOF
lab_directory dc1
record_start
key_list_client cifs/files.corp.example
record_stop
