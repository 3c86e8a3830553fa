#!/bin/bash
# alice's new key has reached dc2 and not dc1: refused at the one, signed in at the other.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_realm dc1 bob
lab_realm dc2 alice bob
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" "host-record=dc2.$DOMAIN,10.99.0.11"
record_start
client_conf 10.99.0.10 "kdc = 10.99.0.10"
sign_in bob
sign_in alice || true
sleep 4
client_conf 10.99.0.10 "kdc = 10.99.0.11"
sign_in alice
service_ticket files
sleep 4
client_conf 10.99.0.10 "kdc = 10.99.0.10"
sign_in alice || true
record_stop
