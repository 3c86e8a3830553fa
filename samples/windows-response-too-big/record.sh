#!/bin/bash
# The answer does not fit into UDP, and TCP is blocked.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_script dc1 <<EOF
[[answer]]
transport = "udp"
error = 52
EOF
lab_directory dc1
record_start
ip netns exec ht-dc1 iptables -A INPUT -p tcp --dport 88 -j DROP
sign_in_with_password alice || true
record_stop
