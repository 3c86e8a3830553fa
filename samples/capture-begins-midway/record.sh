#!/bin/bash
# alice has signed in before the recorder starts, and asks for a service ticket.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
sign_in alice
record_start
service_ticket files
record_stop
