#!/bin/bash
# bob's certificate is for mail and not for signing in.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card bob emailProtection
lab_realm dc1
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in bob || true
record_stop
