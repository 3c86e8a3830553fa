#!/bin/bash
# dc1's certificate has a key of 1024 bits and is signed with SHA-1.
. "$(dirname "$0")/../../lab/lib.sh"
LAB_KDC_KEY=rsa:1024 LAB_KDC_DIGEST=sha1
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in alice || true
record_stop
