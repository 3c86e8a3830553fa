#!/bin/bash
# The DNS server answers, and knows no SRV records of the domain: no DC can be found.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_dns "host-record=dc1.$DOMAIN,10.99.0.10"
client_conf 10.99.0.10
record_start
sign_in alice || true
sleep 3
sign_in alice || true
record_stop
