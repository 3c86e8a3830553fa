#!/bin/bash
# alice is to use Windows Hello or a card, and types the password.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_script dc1 <<EOF
[[answer]]
padata = [2]
error = 12
status = 0xc00002fa
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in_with_password alice || true
record_stop
