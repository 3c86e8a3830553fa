#!/bin/bash
# The domain controller proves itself in PKINIT with one certificate and in LDAP over TLS with another.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
ip netns exec ht-dc1 openssl s_server -quiet -accept 636 -cert "$LAB/dc2.pem" -key "$LAB/dc2.key" -tls1_2 >/dev/null 2>&1 &
echo $! >"$LAB/ldaps.pid"
lab_directory dc1
record_start
sign_in alice
client openssl s_client -connect "dc1.$DOMAIN:636" -tls1_2 </dev/null >/dev/null 2>&1 || true
record_stop
