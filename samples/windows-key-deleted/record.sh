#!/bin/bash
# The key of alice works, is then gone from the directory, and both domain controllers refuse it; that of bob goes on
# working.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
LAB_KDC_PORT=$BEHIND lab_realm dc1 alice bob
LAB_KDC_PORT=$BEHIND lab_realm dc2 alice bob
lab_script dc1 <<EOF
[[answer]]
client = "nobody"
error = 6
EOF
lab_script dc2 <<EOF
[[answer]]
client = "nobody"
error = 6
EOF
lab_directory dc1 dc2
record_start
sign_in alice
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 75
EOF
lab_script dc2 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 75
EOF
for user in alice; do
    for dc in 10 11; do
        client_conf 10.99.0.10 "kdc = 10.99.0.$dc"
        sign_in "$user" || true
    done
done
for dc in 10 11; do
    client_conf 10.99.0.10 "kdc = 10.99.0.$dc"
    sign_in bob
done
record_stop
