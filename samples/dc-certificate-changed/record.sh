#!/bin/bash
# The domain controller gets a certificate of a CA that the client does not trust; tickets are used before, and not
# after.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_key alice 1104
lab_realm dc1 alice
lab_directory dc1
record_start
for _ in 1 2 3; do
    sign_in alice
    service_ticket files
done
lab_other_ca dc1
lab_kdc dc1
for _ in 1 2 3; do sign_in alice || true; done
lab_wait 31
record_stop
