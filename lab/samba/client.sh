# shellcheck shell=bash
# What a case does on its client. Read by a bash on ws1 in the lab's Debian, before the case's own lines.

export KRB5_CONFIG=${KRB5_CONFIG:-/lab/client.conf} KRB5CCNAME=FILE:/tmp/tickets
rm -f /tmp/tickets

# A sign-in with the user's key, by Heimdal's client, which sends a self-signed certificate as Windows does.
key() { # user, whose key (the user's)
    kinit.heimdal -C "FILE:/lab/pki/${2:-$1}.pem,/lab/pki/${2:-$1}.key" "$1@CORP.EXAMPLE" </dev/null
}

# The same by MIT's client.
key_mit() { # user, its certificate (the one by user-ca), anchors
    local certificate=/lab/pki/${2:-$1-ca}
    kinit.mit -X "X509_user_identity=FILE:$certificate.pem,$certificate.key" -X "X509_anchors=FILE:/lab/pki/${3:-anchors}.pem" \
        "$1" </dev/null
}

password() { # user, password (the right one)
    echo "${2:-$PASSWORD}" | kinit.mit "$1"
}

# A program whose clock is two hours ahead.
two_hours_ahead() { # command …
    KRB5_CONFIG=/lab/client-own-clock.conf faketime -f +2h "$@"
}

# How Windows looks for a domain controller.
locate() {
    dig +short SRV _kerberos._tcp.dc._msdcs.corp.example
    dig +short SRV _ldap._tcp.Default-First-Site-Name._sites.dc._msdcs.corp.example
}

# LDAP without TLS, as the account that writes keys.
as_syncsvc() { # program, words …
    "$1" -x -D syncsvc@corp.example -w "$PASSWORD" -H ldap://dc1.corp.example "${@:2}"
}

# Tickets for LDAP and SMB, and their use.
services() {
    ldapwhoami -Q -N -Y GSSAPI -H ldap://dc1.corp.example
    smbclient --use-kerberos=required --use-krb5-ccache=/tmp/tickets //dc1.corp.example/sysvol -c ls
}
