#!/bin/bash
# The client knows that the domain controller's certificate has been revoked, which the capture does not show; it asks
# again, and never uses a ticket.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
(cd "$LAB" && openssl ca -config issued/ca.cnf -cert ca.pem -keyfile ca.key -revoke dc1.pem 2>/dev/null &&
    openssl ca -config issued/ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out ca.crl 2>/dev/null)
lab_directory dc1
printf '[appdefaults]\n pkinit_revoke = FILE:%s/ca.crl\n' "$LAB" >>"$LAB/krb5.conf"
record_start
for _ in 1 2 3; do
    sign_in alice || true
    sleep 5
done
lab_wait 31
record_stop
