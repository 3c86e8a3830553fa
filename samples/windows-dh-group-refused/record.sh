#!/bin/bash
# The client offers a group of 1024 bits, and the domain controller wants 2048.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 65
typed = [109]
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
: >"$LAB/moduli"
sed -i /pkinit_dh_min_bits/d "$LAB/krb5.conf"
sign_in alice || true
lab_wait 11
record_stop
