#!/bin/bash
# dc1 takes certificates of its CA and no self-signed ones: bob gets in with a card, alice not with her key.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_card bob 1.3.6.1.4.1.311.20.2.2
lab_realm dc1
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in bob
sign_in alice || true
record_stop
