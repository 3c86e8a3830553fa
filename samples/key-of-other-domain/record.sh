#!/bin/bash
# Three users sign in; alice's key was made for an account of another domain, and is not known here.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key bob 1105
lab_key carol 1106
lab_key dave 1107
HELLO=${HELLO/1000000001-1000000002-1000000003/2000000001-2000000002-2000000003} lab_key alice 1104
lab_realm dc1 bob carol dave
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
for user in bob carol dave; do sign_in "$user"; done
sign_in alice || true
record_stop
