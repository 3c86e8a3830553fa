#!/bin/bash
# The client takes tickets of one encryption type only, for which the KDC has no key of alice.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in_with_password alice --enctypes=arcfour-hmac-md5 || true
record_stop
