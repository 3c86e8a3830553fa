#!/bin/bash
# Five programs of one client sign in at once, and none of them uses its ticket.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_directory dc1
record_start
for _ in 1 2 3 4 5; do sign_in alice; done
lab_wait 31
record_stop
