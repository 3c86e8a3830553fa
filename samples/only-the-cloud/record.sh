#!/bin/bash
# A computer outside signs in to Microsoft Entra; DNS knows no domain controllers there.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$LAB/web.key" -out "$LAB/web.crt" -days 30 -subj "/O=Microsoft Corporation/CN=login.microsoftonline.com" \
    -addext "subjectAltName=DNS:login.microsoftonline.com" 2>/dev/null
ip netns exec ht-dc2 openssl s_server -quiet -www -accept 443 -cert "$LAB/web.crt" -key "$LAB/web.key" -tls1_2 >/dev/null 2>&1 &
echo $! >"$LAB/tls.pid"
lab_key alice 1104
lab_dns "address=/login.microsoftonline.com/10.99.0.11"
client_conf 10.99.0.10
record_start
client curl -s -o "$LAB/page" --cacert "$LAB/web.crt" https://login.microsoftonline.com/
sign_in alice || true
lab_wait 61
record_stop
