# shellcheck shell=bash disable=SC2016 # the lines of `client` are for another shell
# The cases, each named as the sample it gives. What comes before `recording` is not in the capture.
#
#   domain_controller NAME   the domain controller with the certificate NAME.pem; starts it anew if it has another
#   directory WORDS…         samba-tool on the domain controller's own database
#   packet_filter WORDS…     iptables on the domain controller, until the case ends
#   recording                from here on
#   client 'LINES'           a shell on ws1, with the functions of client.sh

case.password-success() {
    domain_controller kdc
    recording
    client 'locate; password bob && services'
}

case.key-trust-success() {
    domain_controller kdc
    recording
    client 'locate; key alice && services'
}

case.key-not-in-directory() {
    domain_controller kdc
    recording
    client 'key bob'
}

# alice's key is in dave's entry, but the certificate over it names alice.
case.key-name-mismatch() {
    domain_controller kdc
    directory user keytrust delete dave --all >/dev/null 2>&1 || true
    directory user keytrust add dave /lab/pki/alice.pub >/dev/null
    recording
    client 'key dave alice'
}

# The key comes between two attempts, written by samba-tool in the place of Entra Connect.
case.key-arrives-late() {
    domain_controller kdc
    directory user keytrust delete dave --all >/dev/null 2>&1 || true
    recording
    client 'key dave'
    directory user keytrust add dave /lab/pki/dave.pub >/dev/null
    client 'key dave'
}

case.password-after-refused-key() {
    domain_controller kdc
    recording
    client 'key_mit bob; password bob && services'
}

case.dc-certificate-expired() {
    domain_controller kdc-expired
    recording
    client 'key alice'
}

case.dc-certificate-untrusted-ca() {
    domain_controller kdc-untrusted
    recording
    client 'key_mit alice'
}

case.dc-certificate-without-kdc-usage() {
    domain_controller kdc-without-usage
    recording
    client 'key_mit alice'
}

case.dc-certificate-without-domain-name() {
    domain_controller kdc-without-names
    recording
    client 'key alice'
}

# Its file is not there.
case.dc-certificate-missing-file() {
    domain_controller kdc-missing
    recording
    client 'key_mit alice'
}

case.dc-certificate-missing-pkinit-off() {
    domain_controller none
    recording
    client 'key alice'
}

case.clock-skew() {
    domain_controller kdc
    recording
    client 'two_hours_ahead kinit.mit -X X509_user_identity=FILE:/lab/pki/alice-ca.pem,/lab/pki/alice-ca.key \
        -X X509_anchors=FILE:/lab/pki/anchors.pem alice </dev/null'
}

case.clock-skew-password() {
    domain_controller kdc
    recording
    client 'echo "$PASSWORD" | two_hours_ahead kinit.mit alice'
}

case.account-disabled() {
    domain_controller kdc
    directory user disable carol >/dev/null
    recording
    client 'key carol'
    directory user enable carol >/dev/null
}

case.account-unknown() {
    domain_controller kdc
    recording
    client 'key nobody alice'
}

# quin's account is locked after three wrong passwords, until the case ends.
case.account-locked() {
    domain_controller kdc
    directory domain passwordsettings set --account-lockout-threshold=3 >/dev/null
    recording
    client 'for try in 1 2 3 4; do password quin "wrong$try" || true; done; password quin'
    directory domain passwordsettings set --account-lockout-threshold=0 >/dev/null
    directory user unlock quin >/dev/null
}

case.service-unknown() {
    domain_controller kdc
    recording
    client 'key_mit alice; kvno host/nosuch.corp.example; kvno cifs/dc1.corp.example'
}

case.key-trust-udp-to-tcp() {
    domain_controller kdc
    recording
    client 'KRB5_CONFIG=/lab/client-udp.conf key_mit alice'
}

# The account that writes keys does so without TLS, in the place of Entra Connect.
case.key-registered-in-clear() {
    domain_controller kdc
    directory user keytrust delete bob --all >/dev/null 2>&1 || true
    (on_host dc1 python3 /lab/key_ldif.py CN=bob,CN=Users,DC=corp,DC=example /lab/pki/bob.pub) >"$ROOT/lab/bob.ldif"
    recording
    client 'as_syncsvc ldapsearch -b DC=corp,DC=example "(userPrincipalName=bob@corp.example)" msDS-KeyCredentialLink objectGUID
        as_syncsvc ldapmodify -f /lab/bob.ldif
        as_syncsvc ldapsearch -b DC=corp,DC=example "(sAMAccountName=bob)" msDS-KeyCredentialLink
        key bob'
    directory user keytrust delete bob --all >/dev/null
}

case.certificate-trust-success() {
    domain_controller kdc
    recording
    client 'key erin erin-card && services'
}

# MIT's client leaves out of its request what is among its own anchors.
case.client-certificate-left-out() {
    domain_controller kdc
    recording
    client 'key_mit alice alice anchors-alice'
}

# By the domain's CA, but neither with the user's SID nor listed in the account.
case.client-certificate-without-mapping() {
    domain_controller kdc
    recording
    client 'key frank2 frank2-card'
}

case.client-certificate-expired() {
    domain_controller kdc
    recording
    client 'key erin erin-card-expired'
}

case.client-certificate-untrusted-ca() {
    domain_controller kdc
    recording
    client 'key erin erin-card-untrusted'
}

case.crl-not-found() {
    domain_controller kdc
    recording
    client 'curl -sS -o /dev/null -w "%{http_code}\n" http://pki.corp.example/missing.crl'
}

case.kerberos-port-dropped() {
    domain_controller kdc
    packet_filter -A INPUT -p tcp --dport 88 -j DROP
    packet_filter -A INPUT -p udp --dport 88 -j DROP
    recording
    client 'key_mit alice'
}

case.kerberos-port-refused() {
    domain_controller kdc
    packet_filter -A INPUT -p tcp --dport 88 -j REJECT --reject-with tcp-reset
    packet_filter -A INPUT -p udp --dport 88 -j REJECT
    recording
    client 'key_mit alice'
}

case.dns-no-answer() {
    domain_controller kdc
    packet_filter -A INPUT -p udp --dport 53 -j DROP
    packet_filter -A INPUT -p tcp --dport 53 -j DROP
    recording
    client 'locate; key alice'
}

# Its service goes away between the ticket and its first use.
case.kerberos-port-refused-after-sign-in() {
    domain_controller kdc
    recording
    client 'key alice; cp /tmp/tickets /tmp/kept'
    packet_filter -A INPUT -p tcp --dport 88 -j REJECT --reject-with tcp-reset
    packet_filter -A INPUT -p udp --dport 88 -j REJECT
    client 'mv /tmp/kept /tmp/tickets; kvno ldap/dc1.corp.example'
}

case.account-disabled-after-sign-in() {
    domain_controller kdc
    recording
    client 'key carol; cp /tmp/tickets /tmp/kept'
    directory user disable carol >/dev/null
    client 'mv /tmp/kept /tmp/tickets; kvno ldap/dc1.corp.example'
    directory user enable carol >/dev/null
}

case.key-taken-away() {
    domain_controller kdc
    recording
    client 'key carol'
    directory user keytrust delete carol --all >/dev/null
    client 'key carol'
    directory user keytrust add carol /lab/pki/carol.pub >/dev/null
}

# Heimdal's client finds no key that may sign, and signs nothing.
case.client-key-may-not-sign() {
    domain_controller kdc
    recording
    client 'key alice alice-no-signature'
}

# Armored with bob's ticket.
case.password-wrong-inside-fast() {
    domain_controller kdc
    recording
    client 'password bob; cp /tmp/tickets /tmp/armor; echo wrong | kinit.mit -T FILE:/tmp/armor alice; rm /tmp/armor'
}
