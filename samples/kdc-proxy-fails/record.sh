#!/bin/bash
# The gateway that carries Kerberos answers 501; behind it the request comes without TLS.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
mkdir "$LAB/web"
lab_web dc2 "$LAB/web"
lab_directory dc1 dc2
record_start
head -c 1200 /dev/urandom | client curl -s -o "$LAB/page" --data-binary @- "http://dc2.$DOMAIN/KdcProxy"
record_stop
