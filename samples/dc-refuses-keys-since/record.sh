#!/bin/bash
# dc1 takes keys, is started anew with its CA as the only anchor, and takes certificates of that CA only.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_key carol 1106
lab_card dave 1.3.6.1.4.1.311.20.2.2
lab_realm dc1 alice bob carol
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
for user in alice bob carol; do sign_in "$user"; done
cp "$LAB/ca.pem" "$LAB/dc1/anchors.pem"
lab_kdc dc1
for user in alice bob carol; do sign_in "$user" || true; done
sign_in dave
record_stop
