#!/bin/bash
# alice signs in, and an OCSP responder says that the domain controller's certificate has been revoked.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_crl dc1
ip netns exec ht-dc2 openssl ocsp -index "$LAB/issued/index.txt" -port 80 -rsigner "$LAB/ca.pem" -rkey "$LAB/ca.key" -CA "$LAB/ca.pem" \
    >/dev/null 2>&1 &
echo $! >"$LAB/ocsp.pid"
lab_directory dc1 dc2
record_start
sign_in alice
client openssl ocsp -issuer "$LAB/ca.pem" -cert "$LAB/dc1.pem" -url "http://dc2.$DOMAIN/" -CAfile "$LAB/ca.pem" || true
record_stop
