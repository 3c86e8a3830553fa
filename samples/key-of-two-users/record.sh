#!/bin/bash
# alice's key is also bob's.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
for file in pem key; do cp "$LAB/alice.$file" "$LAB/bob.$file"; done
lab_realm dc1 alice
lab_kadmin dc1 "setstr bob pkinit_cert_match <SUBJECT>alice@$DOMAIN"
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in alice
sign_in bob
record_stop
