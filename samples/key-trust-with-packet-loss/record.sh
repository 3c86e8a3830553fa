#!/bin/bash
# Key-trust sign-ins that work although every second packet or so is lost on the client's line.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_key bob 1105
lab_realm dc1 alice bob
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100"
client_conf 10.99.0.10
# On the client's side of the bridge: what it sends is lost before the recorder, what it is sent behind it.
drop() { ip netns exec ht-client iptables -I "$1" -m statistic --mode random --probability 0.25 -j DROP; }
drop OUTPUT
drop INPUT
record_start
for user in alice bob alice bob; do
    until sign_in "$user"; do sleep 1; done
    service_ticket files || true
done
record_stop
