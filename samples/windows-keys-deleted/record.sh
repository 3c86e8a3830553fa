#!/bin/bash
# The keys of five users work, are then gone from the directory, and both domain controllers refuse them; that of
# frank works.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_key carol 1106
lab_key dave 1107
lab_key erin 1108
lab_key frank 1109
LAB_KDC_PORT=$BEHIND lab_realm dc1 alice bob carol dave erin frank
LAB_KDC_PORT=$BEHIND lab_realm dc2 alice bob carol dave erin frank
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
for user in alice bob carol dave erin; do
    for dc in 10 11; do
        client_conf 10.99.0.10 "kdc = 10.99.0.$dc"
        sign_in "$user"
    done
done
lab_script dc1 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 75
[[answer]]
client = "bob"
padata = [16]
error = 75
[[answer]]
client = "carol"
padata = [16]
error = 75
[[answer]]
client = "dave"
padata = [16]
error = 75
[[answer]]
client = "erin"
padata = [16]
error = 75
EOF
lab_script dc2 <<EOF
[[answer]]
client = "alice"
padata = [16]
error = 75
[[answer]]
client = "bob"
padata = [16]
error = 75
[[answer]]
client = "carol"
padata = [16]
error = 75
[[answer]]
client = "dave"
padata = [16]
error = 75
[[answer]]
client = "erin"
padata = [16]
error = 75
EOF
for user in alice bob carol dave erin; do
    for dc in 10 11; do
        client_conf 10.99.0.10 "kdc = 10.99.0.$dc"
        sign_in "$user" || true
    done
done
for dc in 10 11; do
    client_conf 10.99.0.10 "kdc = 10.99.0.$dc"
    sign_in frank
done
record_stop
