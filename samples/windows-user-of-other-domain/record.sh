#!/bin/bash
# alice belongs to another domain, of which the client finds no domain controller.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
LAB_DNS=local=/other.example/
lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
client_realm = "OTHER.EXAMPLE"
error = 68
EOF
lab_directory dc1
record_start
client "$HEIMDAL/usr/bin/kinit.heimdal" --canonicalize -C "FILE:$LAB/alice.pem,$LAB/alice.key" alice </dev/null || true
lab_wait 11
record_stop
