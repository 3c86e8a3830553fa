#!/bin/bash
# The host at which devices sign in does not take the certificate that the device shows.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$LAB/web.key" -out "$LAB/web.crt" -days 30 \
    -subj "/O=Microsoft Corporation/CN=device.login.microsoftonline.com" \
    -addext "subjectAltName=DNS:device.login.microsoftonline.com" 2>/dev/null
lab_card device clientAuth
ip netns exec ht-dc2 openssl s_server -quiet -accept 443 -cert "$LAB/web.crt" -key "$LAB/web.key" -tls1_2 -Verify 1 \
    -verify_return_error >/dev/null 2>&1 &
echo $! >"$LAB/tls.pid"
LAB_DNS=address=/device.login.microsoftonline.com/10.99.0.11
lab_directory dc1
record_start
client curl -s --cacert "$LAB/web.crt" --cert "$LAB/device.pem" --key "$LAB/device.key" \
    https://device.login.microsoftonline.com/ || true
lab_wait 61
record_stop
