#!/bin/bash
# A tunnel on the way to dc1 takes no packets of more than 1,000 bytes, and does not say so. Then the client's MTU is lowered.
. "$(dirname "$0")/../../lab/lib.sh"
export LAB_KEY_AGE=5000
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_directory dc1
ip netns exec ht-dc1 iptables -A INPUT -p tcp --dport 88 -m length --length 1001:65535 -j DROP
record_start
sign_in alice || true
ip -n ht-client link set eth0 mtu 1000
sign_in alice
service_ticket files
record_stop
