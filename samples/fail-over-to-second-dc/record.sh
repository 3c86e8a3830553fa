#!/bin/bash
# dc1 comes first in DNS and drops port 88; the client turns to dc2, which signs it in.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_realm dc2 alice
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10" "host-record=dc2.$DOMAIN,10.99.0.11" \
    "srv-host=_kerberos._udp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._udp.$DOMAIN,dc2.$DOMAIN,88,10,100" \
    "srv-host=_kerberos._tcp.$DOMAIN,dc1.$DOMAIN,88,0,100" "srv-host=_kerberos._tcp.$DOMAIN,dc2.$DOMAIN,88,10,100"
client_conf 10.99.0.10
for protocol in udp tcp; do ip netns exec ht-dc1 iptables -I INPUT -p $protocol --dport 88 -j DROP; done
record_start
sign_in alice
service_ticket files
record_stop
