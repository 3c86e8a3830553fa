#!/bin/bash
# The key usage of carol's certificate does not allow signatures; Samba's KDC answers 31 to that.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
export LAB_CARD_USAGE=keyEncipherment
lab_card carol 1.3.6.1.4.1.311.20.2.2
lab_script dc1 <<EOF
[[answer]]
padata = [16]
error = 31
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in_mit carol || true
record_stop
