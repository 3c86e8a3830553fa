#!/bin/bash
# DNS names dc2 as a domain controller, and for five minutes it answers none of three clients; dc1 does.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_pings dc1 23 0x3f3fd
lab_directory dc1 dc2
ip netns exec ht-dc2 iptables -A INPUT -p udp -j DROP
for host in 102 103; do ip -n ht-client addr add "10.99.0.$host/24" dev eth0; done
record_start
sign_in alice
client getent ahostsv4 "dc2.$DOMAIN" >/dev/null
for round in 1 2; do
    for host in 101 102 103; do FROM=10.99.0.$host locate 10.99.0.11 10.99.0.10; done
    [ "$round" = 2 ] || sleep 305
done
lab_wait 5
record_stop
