#!/bin/bash
# The domain controller cannot verify carol's card and finds dave's invalid.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_card carol 1.3.6.1.4.1.311.20.2.2
lab_card dave 1.3.6.1.4.1.311.20.2.2
lab_script dc1 <<EOF
[[answer]]
client = "carol"
padata = [16]
error = 70
typed = [104]
[[answer]]
client = "dave"
padata = [16]
error = 71
typed = [105]
[[answer]]
error = 25
hints = true
EOF
lab_directory dc1
record_start
sign_in carol || true
sign_in dave || true
lab_wait 11
record_stop
