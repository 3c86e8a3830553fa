#!/bin/bash
# The CRL at the address asked for was to be replaced last week.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_crl -- -crl_lastupdate "$(date -u -d "30 days ago" +%Y%m%d%H%M%SZ)" -crl_nextupdate "$(date -u -d "7 days ago" +%Y%m%d%H%M%SZ)"
mkdir "$LAB/web"
openssl crl -in "$LAB/ca.crl" -outform DER -out "$LAB/web/ca.crl"
lab_web dc2 "$LAB/web"
lab_directory dc1 dc2
record_start
client curl -s -o "$LAB/fetched.crl" "http://dc2.$DOMAIN/ca.crl"
record_stop
