#!/bin/bash
# alice may not sign in this way, bob's account has no key, and the account of the service that carol uses is
# disabled.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_key carol 1106
LAB_KDC_PORT=$BEHIND lab_realm dc1 carol
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 12
status = 0xc000015b
[[answer]]
client = "bob"
padata = [16]
error = 9
[[answer]]
stage = "tgs"
error = 19
EOF
lab_directory dc1
record_start
sign_in alice || true
sign_in bob || true
sign_in carol
service_ticket files || true
lab_wait 11
record_stop
