#!/bin/bash
# The delta CRL, whose name ends in +, is not given out; the base CRL is.
. "$(dirname "$0")/../../lab/lib.sh"
lab_up
lab_crl --
mkdir "$LAB/web"
openssl crl -in "$LAB/ca.crl" -outform DER -out "$LAB/web/ca.crl"
lab_web dc2 "$LAB/web"
lab_directory dc1 dc2
record_start
client curl -s -o "$LAB/fetched.crl" "http://dc2.$DOMAIN/ca.crl"
client curl -s -o "$LAB/fetched.crl" "http://dc2.$DOMAIN/ca+.crl"
record_stop
