#!/bin/bash
# The client knows that the domain controller's certificate has been revoked, which the capture does not show; it asks
# again, and never uses a ticket.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_crl dc1
lab_directory dc1
printf '[appdefaults]\n pkinit_revoke = FILE:%s/ca.crl\n' "$LAB" >>"$LAB/krb5.conf"
record_start
for _ in 1 2 3; do
    sign_in alice || true
    sleep 5
done
lab_wait 31
record_stop
