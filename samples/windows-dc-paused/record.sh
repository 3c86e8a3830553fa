#!/bin/bash
# The domain controller answers the ping and says that its Netlogon service is paused.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_pings dc1 24 0x3f3fd
lab_directory dc1
record_start
locate 10.99.0.10
lab_wait 61
record_stop
