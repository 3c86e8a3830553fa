#!/bin/bash
# dc2 has the fault of early Windows Server 2019: it refuses every key with 75; dc1 takes them.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_key carol 1106
lab_realm dc1 alice bob carol
lab_script dc2 <<EOF
[[answer]]
padata = [16]
error = 75
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1 dc2
record_start
for user in alice bob carol; do
    client_conf 10.99.0.10 "kdc = 10.99.0.11"
    sign_in "$user" || true
    client_conf 10.99.0.10 "kdc = 10.99.0.10"
    sign_in "$user"
done
record_stop
