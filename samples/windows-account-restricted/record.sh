#!/bin/bash
# alice comes outside the hours that her account has, bob from a computer that is not on his list.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_script dc1 <<EOF
[[answer]]
client = "alice"
error = 18
status = 0xc000006f
[[answer]]
client = "bob"
error = 12
status = 0xc0000070
EOF
lab_directory dc1
record_start
sign_in alice || true
sign_in bob || true
record_stop
