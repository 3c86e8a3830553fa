#!/bin/bash
# alice's key has 3072 bits, which Windows Hello does not make.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
LAB_KEY_BITS=3072 lab_key alice 1104
lab_realm dc1 alice
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in alice
service_ticket files
record_stop
