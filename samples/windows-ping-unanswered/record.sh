#!/bin/bash
# A filter drops the pings by which the client looks for a domain controller.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_directory dc1
ip netns exec ht-dc1 iptables -A INPUT -p udp --dport 389 -j DROP
record_start
locate 10.99.0.10 || true
lab_wait 61
record_stop
