#!/bin/bash
# dc2's clock is an hour behind: it calls the tickets that dc1 issues not yet valid.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_key carol 1106
lab_realm dc1 alice bob carol
lab_realm dc2 alice bob carol
# Tickets of the one are to be opened by the other: the same database and key.
cp "$LAB"/dc1/principal* "$LAB"/dc1/stash "$LAB/dc2/"
LAB_KDC_CLOCK=-3600 lab_kdc dc2
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" "host-record=dc2.$DOMAIN,10.99.0.11"
record_start
for user in bob carol alice; do
    for dc in 11 10; do
        client_conf 10.99.0.10 "kdc = 10.99.0.$dc"
        sign_in_with_password "$user"
        # Heimdal keeps beside a ticket by how much the domain controller's clock differs.
        rm "$LAB/cc"
    done
done
sign_in alice
client_conf 10.99.0.10 "kdc = 10.99.0.11"
service_ticket files || true
sleep 11
record_stop
