#!/bin/bash
# The krbtgt key is changed, without keeping the old one, while alice is signed in.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_realm dc1 alice bob
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in alice
lab_kadmin dc1 "change_password -randkey krbtgt/$REALM"
service_ticket files || true
sign_in bob
sleep 11
record_stop
