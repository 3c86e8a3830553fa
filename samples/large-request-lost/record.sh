#!/bin/bash
# A tunnel between the client and the recorder takes no packets of more than 1,280 bytes, and does not say so: a capture on
# dc1's side of it. Then the client's MTU is lowered. Needs the kernel's br_netfilter, too.
. "$(dirname "$0")/../../lab/lib.sh"
export LAB_KEY_AGE=5000
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_directory dc1
ip netns exec ht-hub sysctl -qw net.bridge.bridge-nf-call-iptables=1
ip netns exec ht-hub iptables -t raw -A PREROUTING -p tcp --dport 88 -m length --length 1281:65535 -j DROP
record_start
sign_in alice || true
ip -n ht-client link set eth0 mtu 1280
sign_in alice
service_ticket files
record_stop
