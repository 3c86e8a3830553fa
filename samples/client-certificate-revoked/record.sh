#!/bin/bash
# bob's certificate is on the CRL that dc1 has.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card bob 1.3.6.1.4.1.311.20.2.2
(cd "$LAB" && openssl ca -config issued/ca.cnf -cert ca.pem -keyfile ca.key -revoke bob.pem 2>/dev/null &&
    openssl ca -config issued/ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out ca.crl 2>/dev/null)
LAB_KDC_CONF="pkinit_revoke = FILE:$LAB/ca.crl"
lab_realm dc1
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
record_start
sign_in bob || true
record_stop
