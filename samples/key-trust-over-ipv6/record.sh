#!/bin/bash
# A key-trust sign-in that works, all of it over IPv6: DNS, PKINIT, a service ticket.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_dns "host-record=dc1.$DOMAIN,2001:db8::10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 2001:db8::10
record_start
sign_in alice
service_ticket files
record_stop
