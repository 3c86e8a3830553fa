# Common parts of the samples' record.sh: hosts as network namespaces, an MIT realm with PKINIT, DNS, a recorder.
#
# Needs root and: iproute2 ethtool iptables tcpdump dnsmasq-base krb5-kdc krb5-user krb5-admin-server openssl
# python3-cryptography, and Heimdal's kinit. Debian does not install the two suites side by side, so that one is unpacked
# (`apt-get download heimdal-clients; dpkg -x heimdal-clients*.deb $HEIMDAL`) beside its installed libraries.
# Everything lives in $LAB, a temporary folder, and goes with the script: namespaces, servers, files.
#
#   . ../../lab/lib.sh
#   lab_up                      hub, client, dc1, dc2, each with IPv4 and IPv6
#   lab_realm dc1 alice         a KDC on dc1 that knows alice's key (each further name: one key more)
#   lab_dns "srv-host=…" …      dnsmasq on dc1, with these lines
#   lab_script dc1 <<EOF        a KDC that answers as the script says (scripted_kdc.py), before the host's own KDC if any
#   record_start / record_stop  tcpdump on the bridge, to $CAPTURE (capture.pcap beside the script)
#   lab_directory dc1 dc2       DNS that names these, and a client that asks it
#   lab_wait 11                 time that passes, and that the capture shows to have passed
#   client CMD…                 runs on the client, in its own krb5.conf
#   with_clock SECONDS CMD…     runs on the client with a clock that is off by so much (needs gcc)

set -euo pipefail
export LC_ALL=C
REALM=CORP.EXAMPLE
DOMAIN=corp.example
LAB=$(mktemp -d)
HEIMDAL=${HEIMDAL:-/opt/heimdal}
CAPTURE=${CAPTURE:-$(cd "$(dirname "$0")" && pwd)/capture.pcap}
# Identifiers in the form that Windows Hello gives them (SID, GUID, authority, tenant); none belongs to anyone.
HELLO=S-1-5-21-1000000001-1000000002-1000000003-%d/5e9d1a3c-0b1f-4c52-9a53-7f0e2d6c8b11/login.windows.net/72f988bf-0000-4000-8000-2d7cd011db47/%s@$DOMAIN

lab_down() {
    for pid in "$LAB"/*.pid; do [ -e "$pid" ] && kill "$(cat "$pid")" 2>/dev/null || true; done
    wait 2>/dev/null || true
    for host in hub client dc1 dc2; do ip netns del "ht-$host" 2>/dev/null || true; done
    if [ -n "${KEEP:-}" ]; then echo "kept: $LAB"; else rm -rf "$LAB"; fi
}

# Hosts as network namespaces, each with one interface on the bridge.
lab_host() { # name, last octet
    ip netns add "ht-$1"
    ip link add "ht-$1" netns ht-hub type veth peer name eth0 netns "ht-$1"
    ip -n ht-hub link set "ht-$1" master br0 up
    # Offloads off, or the capture holds checksums and sizes that no wire has.
    ip netns exec "ht-$1" ethtool -K eth0 tx off rx off tso off gso off gro off >/dev/null
    ip netns exec ht-hub ethtool -K "ht-$1" tx off rx off tso off gso off gro off >/dev/null
    ip -n "ht-$1" link set lo up
    ip -n "ht-$1" addr add "10.99.0.$2/24" dev eth0
    ip -n "ht-$1" addr add "2001:db8::$2/64" dev eth0 nodad
    ip -n "ht-$1" link set eth0 up
}

lab_up() {
    trap lab_down EXIT
    ip netns add ht-hub
    ip -n ht-hub link add br0 type bridge mcast_snooping 0
    ip netns exec ht-hub sysctl -qw net.ipv6.conf.all.disable_ipv6=1
    ip -n ht-hub link set br0 up
    lab_host client 101
    lab_host dc1 10
    lab_host dc2 11
    lab_pki
    lab_moduli
}

# A certificate for NAME.csr, by the CA; further words go to `openssl ca`.
lab_issue() { # name, file with extensions, section, words …
    local name=$1 extensions=$2 section=$3
    shift 3
    mkdir -p issued
    touch issued/index.txt
    [ -e issued/serial ] || echo 1000 >issued/serial
    [ -e issued/number ] || echo 01 >issued/number
    printf '%s\n' '[ca]' 'default_ca = d' '[d]' 'dir = issued' 'database = issued/index.txt' 'serial = issued/serial' \
        'crlnumber = issued/number' 'new_certs_dir = issued' 'default_md = sha256' 'policy = p' \
        'default_crl_days = 30' 'unique_subject = no' '[p]' 'commonName = supplied' >issued/ca.cnf
    openssl ca -batch -config issued/ca.cnf -cert ca.pem -keyfile ca.key -in "$name.csr" -out "$name.pem" -days 365 \
        -extfile "$extensions" -extensions "$section" -notext "$@" 2>/dev/null
}

lab_pki() {
    (
        cd "$LAB"
        export LAB_KDC_KEY=${LAB_KDC_KEY:-rsa:2048} LAB_KDC_DIGEST=${LAB_KDC_DIGEST:-sha256}
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 -sha256 \
            -subj "/DC=example/DC=corp/CN=Lab Root CA" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
        for dc in dc1 dc2; do
            cat >"$dc.cnf" <<EOF
[kdc]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = 1.3.6.1.5.2.3.5, serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:$dc.$DOMAIN, DNS:$DOMAIN, otherName:1.3.6.1.5.2.2;SEQUENCE:name
[name]
realm = EXPLICIT:0, GeneralString:$REALM
principal = EXPLICIT:1, SEQUENCE:principal
[principal]
type = EXPLICIT:0, INTEGER:2
name = EXPLICIT:1, SEQUENCE:components
[components]
first = GeneralString:krbtgt
second = GeneralString:$REALM
EOF
            openssl req -newkey "$LAB_KDC_KEY" -nodes -keyout "$dc.key" -out "$dc.csr" -subj "/CN=$dc.$DOMAIN" 2>/dev/null
            lab_issue "$dc" "$dc.cnf" kdc -md "$LAB_KDC_DIGEST" \
                ${LAB_KDC_FROM:+-startdate "$LAB_KDC_FROM" -enddate 20351001000000Z}
        done
    )
}

# A certificate for a domain controller's key by another CA than the one that clients trust.
lab_other_ca() { # dc
    (
        cd "$LAB"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.crt -days 3650 -subj "/CN=Other CA" \
            2>/dev/null
        openssl x509 -req -in "$1.csr" -CA other.crt -CAkey other.key -CAcreateserial -days 365 -extfile "$1.cnf" \
            -extensions kdc -out "$1.pem" 2>/dev/null
        # Its own KDC is to be able to verify it.
        cat other.crt >>"$1/anchors.pem"
    )
}

# A key and a self-signed certificate over it, as Windows Hello makes them: the long common name, the smart card usage, and
# LAB_KEY_AGE minutes old.
lab_key() { # user, relative id
    python3 - "$LAB/$1" "$(printf "$HELLO" "$2" "$1")" <<'EOF'
import datetime, math, os, secrets, sys, warnings
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

path, name = sys.argv[1:]
# The common name is longer than X.520 allows.
warnings.simplefilter("ignore")
key = rsa.generate_private_key(65537, int(os.environ.get("LAB_KEY_BITS", 2048)))
if os.environ.get("LAB_KEY_WEAK"):
    # As CVE-2017-15361 makes primes: a multiple of the product of the first 126 primes, and a power of 65537.
    first = [n for n in range(2, 702) if all(n % d for d in range(2, int(n**0.5) + 1))]
    product = math.prod(first)
    def prime():
        while True:
            n = (1 << 1023 | 1 << 1022 | secrets.randbits(1022)) // product * product
            n += pow(65537, secrets.randbits(256), product)
            if all(pow(base, n - 1, n) == 1 for base in (2, 3, 5, 7)):
                return n
    p, q = prime(), prime()
    d = pow(65537, -1, (p - 1) * (q - 1))
    exponents = d, d % (p - 1), d % (q - 1), pow(q, -1, p)
    key = rsa.RSAPrivateNumbers(p, q, *exponents, rsa.RSAPublicNumbers(65537, p * q)).private_key()
who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)])
now = datetime.datetime.now(datetime.timezone.utc)
certificate = (
    x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(minutes=10 + int(os.environ.get("LAB_KEY_AGE", 0)))).not_valid_after(now + datetime.timedelta(days=30 * 365))
    .add_extension(x509.BasicConstraints(False, None), True)
    # Not in Windows Hello's; Heimdal signs with no certificate that does not allow it.
    .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
    .add_extension(x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")]), False)
    .sign(key, hashes.SHA256())
)
with open(path + ".pem", "wb") as file:
    file.write(certificate.public_bytes(serialization.Encoding.PEM))
with open(path + ".key", "wb") as file:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    file.write(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
EOF
}

# A key and a certificate over it by the CA, as smart cards have them.
lab_card() { # user, extended key usage
    (
        cd "$LAB"
        cat >"$1.cnf" <<EOF
[user]
keyUsage = critical, ${LAB_CARD_USAGE:-digitalSignature}
extendedKeyUsage = $2
subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:$1@$DOMAIN
EOF
        openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1@$DOMAIN" 2>/dev/null
        lab_issue "$1" "$1.cnf" user
    )
}

# A KDC that takes the keys of these users: their certificates are its anchors, as a directory would hold their keys.
lab_realm() { # dc, users whose key it knows …
    local dc=$1
    shift
    mkdir -p "$LAB/$dc"
    cat "$LAB/ca.pem" >"$LAB/$dc/anchors.pem"
    for user in "$@"; do cat "$LAB/$user.pem" >>"$LAB/$dc/anchors.pem"; done
    cat >"$LAB/$dc/kdc.conf" <<EOF
[kdcdefaults]
 kdc_ports = ${LAB_KDC_PORT:-88}
 kdc_tcp_ports = ${LAB_KDC_PORT:-88}
[realms]
 $REALM = {
  database_name = $LAB/$dc/principal
  key_stash_file = $LAB/$dc/stash
  supported_enctypes = aes256-cts:normal
  pkinit_identity = FILE:$LAB/$dc.pem,$LAB/$dc.key
  pkinit_anchors = FILE:$LAB/$dc/anchors.pem
  pkinit_eku_checking = scLogin
  ${LAB_KDC_CONF:-}
 }
[logging]
 kdc = FILE:$LAB/$dc/kdc.log
EOF
    printf '[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n' "$REALM" >"$LAB/$dc/krb5.conf"
    (
        export KRB5_KDC_PROFILE="$LAB/$dc/kdc.conf" KRB5_CONFIG="$LAB/$dc/krb5.conf"
        kdb5_util create -s -r "$REALM" -P lab-only >/dev/null 2>&1
        for key in "$LAB"/*.pem; do
            user=$(basename "$key" .pem)
            case $user in ca | dc1 | dc2) continue ;; esac
            kadmin.local -q "addprinc -pw lab-only +requires_preauth $user" >/dev/null 2>&1
            # A directory holds the key itself; here the name in the certificate does.
            kadmin.local -q "setstr $user pkinit_cert_match <SUBJECT>$user@$DOMAIN" >/dev/null 2>&1
        done
        kadmin.local -q "addprinc -randkey host/files.$DOMAIN" >/dev/null 2>&1
    )
    lab_kdc "$dc"
}

# Starts a KDC, or starts it anew; LAB_KDC_CLOCK: with a clock that is off by so many seconds.
lab_kdc() { # dc
    if [ -e "$LAB/kdc-$1.pid" ]; then
        kill "$(cat "$LAB/kdc-$1.pid")"
        sleep 1
    fi
    (
        export KRB5_KDC_PROFILE="$LAB/$1/kdc.conf" KRB5_CONFIG="$LAB/$1/krb5.conf"
        if [ -n "${LAB_KDC_CLOCK:-}" ]; then
            export CLOCK_OFF=$LAB_KDC_CLOCK LD_PRELOAD=$(lab_clock)
        fi
        ip netns exec "ht-$1" krb5kdc -n >/dev/null 2>&1 &
        echo $! >"$LAB/kdc-$1.pid"
    )
    sleep 1
}

# Starts a KDC that answers as the script on the standard input says; what the script leaves open goes to the host's own
# KDC, where `LAB_KDC_PORT=$BEHIND lab_realm` has started one. Again: the same with another script.
BEHIND=1088
lab_script() { # dc
    if [ -e "$LAB/script-$1.pid" ]; then
        kill "$(cat "$LAB/script-$1.pid")"
        sleep 0.5
    fi
    cat >"$LAB/script-$1.toml"
    local address=10.99.0.10 behind=()
    [ "$1" = dc2 ] && address=10.99.0.11
    [ -e "$LAB/kdc-$1.pid" ] && behind=(127.0.0.1 "$BEHIND")
    ip netns exec "ht-$1" python3 "$(dirname "${BASH_SOURCE[0]}")/scripted_kdc.py" "$LAB/script-$1.toml" "$address" \
        "${behind[@]}" >"$LAB/script-$1.log" 2>&1 &
    echo $! >"$LAB/script-$1.pid"
    until [ -n "$(ip netns exec "ht-$1" ss -Hlt "src $address and sport = :88")" ]; do sleep 0.1; done
}

# The library that sets a program's clock off by CLOCK_OFF seconds.
lab_clock() {
    [ -e "$LAB/clock.so" ] || gcc -shared -fPIC -o "$LAB/clock.so" "$(dirname "${BASH_SOURCE[0]}")/clock.c"
    echo "$LAB/clock.so"
}

with_clock() { # seconds, command …
    local seconds=$1 library
    library=$(lab_clock)
    shift
    CLOCK_OFF=$seconds LAB_PRELOAD=$library "$@"
}

lab_dns() { # lines of dnsmasq.conf …
    {
        printf 'no-resolv\nno-hosts\nport=53\nbind-interfaces\nno-daemon\nlog-facility=/dev/null\n'
        printf 'local=/%s/\nlocal=/in-addr.arpa/\nlocal=/ip6.arpa/\n' "$DOMAIN"
        printf '%s\n' "$@"
    } >"$LAB/dnsmasq.conf"
    ip netns exec ht-dc1 dnsmasq --conf-file="$LAB/dnsmasq.conf" --pid-file= >/dev/null 2>&1 &
    echo $! >"$LAB/dnsmasq.pid"
    sleep 1
}

# DNS that names these domain controllers, and a client that asks it.
lab_directory() { # dc …
    local lines=() dc address
    for dc in "$@"; do
        address=10.99.0.10
        [ "$dc" = dc2 ] && address=10.99.0.11
        lines+=("host-record=$dc.$DOMAIN,$address")
        lines+=("srv-host=_kerberos._udp.$DOMAIN,$dc.$DOMAIN,88,$((${dc#dc} - 1)),100")
        lines+=("srv-host=_kerberos._tcp.$DOMAIN,$dc.$DOMAIN,88,$((${dc#dc} - 1)),100")
    done
    lab_dns "${lines[@]}" ${LAB_DNS:+"$LAB_DNS"}
    client_conf 10.99.0.10
}

record_start() { # a filter for tcpdump, or its other words
    # Name resolution of IPv6 neighbours and ARP before, so that a capture begins with the case.
    ip netns exec ht-hub tcpdump -q -s0 -U --immediate-mode -w "$LAB/recording.pcap" -i br0 \
        "${@:-ip or (ip6 and not icmp6)}" >/dev/null 2>&1 &
    echo $! >"$LAB/tcpdump.pid"
    sleep 1
}

# A domain controller's answers to netlogon pings, and a client's pings (netlogon_ping.py).
lab_pings() { # dc, operation code, flags
    local address=10.99.0.10
    [ "$1" = dc2 ] && address=10.99.0.11
    ip netns exec "ht-$1" python3 -B "$(dirname "${BASH_SOURCE[0]}")/netlogon_ping.py" answer "$address" "$1.$DOMAIN" \
        "$DOMAIN" "$2" "$3" >/dev/null 2>&1 &
    echo $! >"$LAB/pings-$1.pid"
    until [ -n "$(ip netns exec "ht-$1" ss -Hlu "sport = :389")" ]; do sleep 0.1; done
}

locate() { # addresses …; FROM: the client's own address
    client env FROM="${FROM:-10.99.0.101}" python3 -B "$(dirname "${BASH_SOURCE[0]}")/netlogon_ping.py" ask "$DOMAIN" "$@"
}

# A web server with the files of a folder.
lab_web() { # dc, folder
    ip netns exec "ht-$1" python3 -m http.server --directory "$2" 80 >/dev/null 2>&1 &
    echo $! >"$LAB/web-$1.pid"
    until [ -n "$(ip netns exec "ht-$1" ss -Hlt "sport = :80")" ]; do sleep 0.1; done
}

# Takes certificates back, and writes the CRL that says so.
lab_crl() { # names of certificates …, then words for `openssl ca` after --
    (
        cd "$LAB"
        local ca=(openssl ca -config issued/ca.cnf -cert ca.pem -keyfile ca.key)
        while [ $# -gt 0 ] && [ "$1" != -- ]; do
            "${ca[@]}" -revoke "$1.pem" 2>/dev/null
            shift
        done
        "${ca[@]}" -gencrl -out ca.crl "${@:2}" 2>/dev/null
    )
}

# Lets so many seconds pass; a question at their end shows in the capture that they did.
lab_wait() { # seconds
    sleep "$1"
    client getent ahostsv4 "dc1.$DOMAIN" >/dev/null || true
}

record_stop() {
    sleep 2
    kill -INT "$(cat "$LAB/tcpdump.pid")"
    sleep 1
    rm "$LAB/tcpdump.pid"
    cp "$LAB/recording.pcap" "$CAPTURE"
    sha256sum "$CAPTURE"
}

# Heimdal's client offers 1024 bits unless it has a file with larger groups: RFC 3526's of 2048 bits, as OpenSSL has it.
lab_moduli() {
    openssl genpkey -genparam -algorithm DH -pkeyopt group:modp_2048 2>/dev/null | openssl asn1parse |
        python3 -c '
import sys
prime = max(int(line.rsplit(":", 1)[1], 16) for line in sys.stdin if "INTEGER" in line)
print("rfc3526-MODP-group14 2048 %X 2 %X" % (prime, (prime - 1) // 2))' >"$LAB/moduli"
}

# krb5.conf of the client: KDCs from DNS unless lines for [realms] are given.
client_conf() { # name server, lines …
    printf 'nameserver %s\noptions timeout:2 attempts:2\n' "$1" >"$LAB/resolv.conf"
    shift
    {
        printf '[libdefaults]\n default_realm = %s\n dns_lookup_kdc = true\n rdns = false\n' "$REALM"
        printf ' dns_canonicalize_hostname = false\n dns_uri_lookup = false\n'
        printf ' pkinit_dh_min_bits = 1536\n moduli = %s/moduli\n' "$LAB"
        printf '[realms]\n %s = {\n  pkinit_anchors = FILE:%s/ca.pem\n' "$REALM" "$LAB"
        printf '  pkinit_kdc_hostname = dc1.%s\n  pkinit_kdc_hostname = dc2.%s\n' "$DOMAIN" "$DOMAIN"
        for line in "$@"; do printf '  %s\n' "$line"; done
        printf ' }\n[domain_realm]\n .%s = %s\n' "$DOMAIN" "$REALM"
    } >"$LAB/krb5.conf"
}

client() {
    ip netns exec ht-client unshare --mount sh -c '
        mount --bind "$1/resolv.conf" /etc/resolv.conf
        shift
        exec "$@"' sh "$LAB" env KRB5_CONFIG="$LAB/krb5.conf" KRB5CCNAME="FILE:$LAB/cc" \
        LD_PRELOAD="${LAB_PRELOAD:-}" "$@"
}

# A change to the users' database of a KDC.
lab_kadmin() { # dc, query
    KRB5_KDC_PROFILE="$LAB/$1/kdc.conf" KRB5_CONFIG="$LAB/$1/krb5.conf" kadmin.local -q "$2" >/dev/null 2>&1
}

# A sign-in with the password that every user of the lab has.
sign_in_with_password() { # user, options of kinit …
    local user=$1
    shift
    echo lab-only >"$LAB/password"
    client "$HEIMDAL/usr/bin/kinit.heimdal" --password-file="$LAB/password" "$@" "$user"
}

# A sign-in by MIT's client, which offers what Heimdal's does not know (freshness tokens, other groups) and tries again with
# what a KDC proposes. It leaves out a self-signed certificate, so that users are to have a card.
sign_in_mit() { # user, options of kinit …
    local user=$1
    shift
    client kinit -X "X509_user_identity=FILE:$LAB/$user.pem,$LAB/$user.key" "$@" "$user" </dev/null
}

# A sign-in with a partial ticket of Microsoft Entra, which key_list_client.py makes up; then a ticket for a service.
key_list_client() { # service
    client python3 -B "$(dirname "${BASH_SOURCE[0]}")/key_list_client.py" 10.99.0.10 "$REALM" "$1"
}

# A service ticket for a host.
service_ticket() { # host
    client "$HEIMDAL/usr/bin/kgetcred" "host/$1.$DOMAIN"
}

# A sign-in with the user's key. Exit status of kinit.
sign_in() { # user
    client "$HEIMDAL/usr/bin/kinit.heimdal" -C "FILE:$LAB/$1.pem,$LAB/$1.key" "$1" </dev/null
}
