#!/bin/bash
# The key of AzureADKerberos in the directory is not the one that Microsoft Entra uses.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_script dc1 <<EOF
[[answer]]
error = 44
EOF
lab_directory dc1
record_start
key_list_client cifs/files.corp.example || true
lab_wait 11
record_stop
