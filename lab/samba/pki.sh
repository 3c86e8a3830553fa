#!/bin/bash
# The certificates of the lab with Samba, into the current folder; needs openssl 3.4 (-not_before). Runs in the lab's Debian.
#
#   ca.pem, other-ca.pem, user-ca.pem   CAs: the domain's; one that no client trusts; one that the KDC does not know
#   kdc.pem, kdc-*.pem                  certificates of the domain controller: a good one, one for each fault
#   USER.pem, USER.pub                  a user's key in a certificate of its own, as Windows Hello has it
#   anchors.pem, anchors-alice.pem      what MIT's client trusts: CAs; alice's own certificate, too
#   alice-no-signature.pem              alice's key in a certificate whose key usage does not allow signatures
#   USER-ca.pem                         the same key in a certificate by user-ca, for MIT's client, which leaves a self-signed
#                                       certificate out of its request
#   erin-card*.pem                      smart cards of the user whose SID is $ERIN_SID; one that ended, one by other-ca
#   frank2-card.pem                     a smart card without its user's SID
#   ca.crl                              the CRL of the domain's CA

set -euo pipefail
REALM=CORP.EXAMPLE
DOMAIN=corp.example

ca() { # name, common name
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 3650 -subj "/DC=example/DC=corp/CN=$2" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

leaf() { # name, subject, section of extensions, CA (none: by its own key), dates …
    local name=$1 subject=$2 section=$3 issuer=$4 signer=(-signkey "$1.key") dates=("${@:5}")
    [ -n "$issuer" ] && signer=(-CA "$issuer.pem" -CAkey "$issuer.key")
    [ -e "$name.key" ] || openssl genrsa -out "$name.key" 2048
    openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
    openssl x509 -req -in "$name.csr" "${signer[@]}" -out "$name.pem" -extfile extensions -extensions "$section" \
        "${dates[@]:--days=365}"
    rm "$name.csr"
}

ended=(-not_before 20240101000000Z -not_after 20250101000000Z)

ca ca "CORP Issuing CA"
ca other-ca "Untrusted CA"
ca user-ca "CA that no KDC knows"

cat >extensions <<END
[names]
realm = EXPLICIT:0,GeneralString:$REALM
principal = EXPLICIT:1,SEQUENCE:principal
[principal]
type = EXPLICIT:0,INTEGER:2
name = EXPLICIT:1,SEQUENCE:krbtgt
[krbtgt]
first = GeneralString:krbtgt
second = GeneralString:$REALM
[kdc]
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = 1.3.6.1.5.2.3.5, serverAuth, clientAuth, 1.3.6.1.4.1.311.20.2.2
subjectAltName = DNS:dc1.$DOMAIN, DNS:$DOMAIN, DNS:CORP, otherName:1.3.6.1.5.2.2;SEQUENCE:names
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://pki.$DOMAIN/ca.crl
[kdc-without-usage]
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:dc1.$DOMAIN, DNS:$DOMAIN, DNS:CORP, otherName:1.3.6.1.5.2.2;SEQUENCE:names
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://pki.$DOMAIN/ca.crl
[kdc-without-names]
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = 1.3.6.1.5.2.3.5, serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://pki.$DOMAIN/ca.crl
END
leaf kdc "/CN=dc1.$DOMAIN" kdc ca
leaf kdc-expired "/CN=dc1.$DOMAIN" kdc ca "${ended[@]}"
leaf kdc-untrusted "/CN=dc1.$DOMAIN" kdc other-ca
leaf kdc-without-usage "/CN=dc1.$DOMAIN" kdc-without-usage ca
leaf kdc-without-names "/CN=dc1.$DOMAIN" kdc-without-names ca

user_extensions() { # user
    cat >extensions <<END
[key]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = 1.3.6.1.4.1.311.20.2.2, clientAuth
subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:$1@$DOMAIN
subjectKeyIdentifier = hash
[key-without-signature]
basicConstraints = CA:FALSE
keyUsage = keyEncipherment
extendedKeyUsage = 1.3.6.1.4.1.311.20.2.2, clientAuth
subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:$1@$DOMAIN
subjectKeyIdentifier = hash
[card]
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = 1.3.6.1.4.1.311.20.2.2, clientAuth, 1.3.6.1.5.2.3.4
subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:$1@$DOMAIN
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
1.3.6.1.4.1.311.25.2 = ASN1:SEQUENCE:sid
[sid]
other = IMPLICIT:0,SEQUENCE:value
[value]
type = OID:1.3.6.1.4.1.311.25.2.1
value = EXPLICIT:0,FORMAT:ASCII,OCTETSTRING:$ERIN_SID
END
}

for user in alice bob carol dave; do
    user_extensions "$user"
    leaf "$user" "/CN=$user@$DOMAIN" key ""
    openssl rsa -in "$user.key" -pubout -out "$user.pub"
    cp "$user.key" "$user-ca.key"
    leaf "$user-ca" "/CN=$user@$DOMAIN" key user-ca
done
user_extensions alice
cp alice.key alice-no-signature.key
leaf alice-no-signature "/CN=alice@$DOMAIN" key-without-signature ""
user_extensions erin
leaf erin-card "/DC=example/DC=corp/CN=erin" card ca
leaf erin-card-expired "/DC=example/DC=corp/CN=erin" card ca "${ended[@]}"
leaf erin-card-untrusted "/DC=example/DC=corp/CN=erin" card other-ca
user_extensions frank2
sed -i '/^1\.3\.6\.1\.4\.1\.311\.25\.2 =/d' extensions
leaf frank2-card "/DC=example/DC=corp/CN=frank2" card ca
cat ca.pem user-ca.pem >anchors.pem
cat anchors.pem alice.pem >anchors-alice.pem

mkdir -p issued
: >issued/index
echo 01 >issued/crlnumber
printf '[ca]\ndefault_ca = issued\n[issued]\ndatabase = issued/index\ncrlnumber = issued/crlnumber\n%s\n' \
    'default_md = sha256' >issued/ca.cnf
openssl ca -config issued/ca.cnf -cert ca.pem -keyfile ca.key -gencrl -crldays 30 -out ca.crl.pem
openssl crl -in ca.crl.pem -outform DER -out ca.crl
rm extensions
