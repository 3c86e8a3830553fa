#!/bin/bash
# The lab with Samba: an Active Directory domain controller, a client and a web server for CRLs, each a network namespace,
# their programs from a Debian of their own, with Samba from its backports (only from 4.24 on it looks up keys in
# msDS-KeyCredentialLink). Nothing outside of $LAB and of network namespaces named hellotrace-* is touched.
#
#   build             debootstrap of Debian with Samba, MIT's and Heimdal's clients, to $LAB/root; does nothing if it is there
#   up                the namespaces hellotrace-hub, -dc1, -web, -ws1
#   provision         certificates, the domain, its users and the keys in its directory; anew each time
#   start             the domain controller, the web server with the CRL
#   cases             names the cases
#   record CASE…      runs each with tcpdump on the client, to $LAB/cases/CASE: capture.pcap, client.log, kdc.log; `all`: each
#   stop              ends what `start` started
#   clean             stop, and removes the namespaces and $LAB
#
# build, up, provision, start, and `record CASE` after that; `record` can be had again and again.
#
# In the environment:
#   LAB      where everything goes; ${XDG_CACHE_HOME:-~/.cache}/hellotrace-lab
#   MIRROR   Debian's mirror; http://deb.debian.org/debian

# shellcheck disable=SC2016 # lines for another shell

set -euo pipefail
export LC_ALL=C
umask 022

SUITE=trixie
MIRROR=${MIRROR:-http://deb.debian.org/debian}
LAB=${LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/hellotrace-lab}
LAB=$(realpath -m "$LAB")
ROOT=$LAB/root
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Of every user and of the administrator.
PASSWORD=Lab-only.1
HOSTS=(dc1 web ws1)

die() {
    echo "samba.sh: $*" >&2
    exit 1
}

need() { # command, Debian's package that has it
    command -v "$1" >/dev/null || die "$1 is needed and not there; Debian has it in the package $2."
}

need_root() {
    [ "$(id -u)" -eq 0 ] || die "this must run as root: network namespaces and chroot need it."
}

need_debian() {
    [ -e "$ROOT" ] || die "there is no $ROOT yet; \`build\` makes it."
}

need_hosts() {
    local host
    for host in "${HOSTS[@]}"; do
        ip netns exec "hellotrace-$host" true 2>/dev/null || die "the namespace hellotrace-$host is not there; \`up\` makes it."
    done
}

need_domain() {
    [ -e "$ROOT/lab/provisioned" ] || die "there is no domain yet; \`provision\` makes it."
}

# A command in the lab's Debian. Its mounts are of a namespace of their own, and go with it.
in_root() { # command …
    unshare --mount --propagation private sh -c '
        mount -t proc proc "$1/proc"
        exec chroot "$@"' sh "$INTO" "$@"
}

lab_build() {
    need_root
    if [ -e "$ROOT" ]; then
        echo "$ROOT is there already"
        return
    fi
    need debootstrap debootstrap
    need unshare util-linux
    mkdir -p "$LAB"
    # Moved to its place when it is whole, so that a build that broke off begins anew.
    INTO=$ROOT.new
    rm -rf --one-file-system "$INTO"
    unshare --mount --propagation private debootstrap --variant=minbase --include=ca-certificates \
        "$SUITE" "$INTO" "$MIRROR" >"$LAB/build.log" 2>&1 ||
        die "debootstrap of $SUITE from $MIRROR failed; $LAB/build.log says why."
    # No service starts by itself.
    printf '#!/bin/sh\nexit 101\n' >"$INTO/usr/sbin/policy-rc.d"
    chmod +x "$INTO/usr/sbin/policy-rc.d"
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale >"$INTO/etc/dpkg/dpkg.cfg.d/small"
    echo "deb $MIRROR $SUITE-backports main" >"$INTO/etc/apt/sources.list.d/backports.list"
    export DEBIAN_FRONTEND=noninteractive
    {
        in_root apt-get update &&
            in_root apt-get install -y --no-install-recommends -t "$SUITE-backports" \
                samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules smbclient \
                python3-samba python3-cryptography python3-dnspython python3-markdown &&
            in_root apt-get install -y --no-install-recommends \
                krb5-user krb5-pkinit heimdal-clients ldap-utils libsasl2-modules-gssapi-mit bind9-dnsutils curl openssl faketime &&
            in_root apt-get clean
    } >>"$LAB/build.log" 2>&1 || die "the packages could not be installed; $LAB/build.log says why."
    mv "$INTO" "$ROOT"
    INTO=$ROOT
    in_root samba --version
    du -sh "$ROOT"
}


lab_up() {
    need_root
    need ip iproute2
    need ethtool ethtool
    need sysctl procps
    if ip netns exec hellotrace-hub true 2>/dev/null; then
        echo "the namespaces are there already"
        return
    fi
    ip netns add hellotrace-hub
    ip netns exec hellotrace-hub sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip -n hellotrace-hub link add br0 type bridge mcast_snooping 0
    ip -n hellotrace-hub link set br0 up
    add_host dc1 10
    add_host web 50
    add_host ws1 101
}

# A namespace with one interface on the bridge, and no route to anywhere else.
add_host() { # name, last octet
    local space=hellotrace-$1
    ip netns add "$space"
    ip netns exec "$space" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip link add "$1" netns hellotrace-hub type veth peer name eth0 netns "$space"
    ip -n hellotrace-hub link set "$1" master br0 up
    # Offloads off, or the capture holds checksums and sizes that no wire has.
    ip netns exec "$space" ethtool -K eth0 tx off rx off tso off gso off gro off >/dev/null
    ip netns exec hellotrace-hub ethtool -K "$1" tx off rx off tso off gso off gro off >/dev/null
    ip -n "$space" link set lo up
    ip -n "$space" addr add "10.99.0.$2/24" dev eth0
    ip -n "$space" link set eth0 up
}

# A program on a host: in its namespace, with its name and name server, in the lab's Debian. It takes the shell's place, so
# that the process in the background is the program itself.
on_host() { # name, command …
    local name=$1
    shift
    exec ip netns exec "hellotrace-$name" unshare --uts --mount --propagation private sh -c '
        hostname "$2"
        mount -t proc proc "$1/proc"
        mount --bind "$1/lab/resolv.conf" "$1/etc/resolv.conf"
        mount --bind "$1/lab/hosts" "$1/etc/hosts"
        root=$1
        shift 2
        exec chroot "$root" env PASSWORD="'"$PASSWORD"'" "$@"' sh "$ROOT" "$name" "$@"
}

# samba-tool on the domain controller's own database.
directory() { # words of samba-tool …
    (on_host dc1 samba-tool "$@" --configfile=/lab/dc1/etc/smb.conf)
}

lab_provision() {
    need_root
    need_debian
    need_hosts
    lab_stop
    rm -rf --one-file-system "$ROOT/lab"
    mkdir -p "$ROOT/lab/pki" "$ROOT/lab/www" "$ROOT/run/samba"
    cp "$HERE/samba/pki.sh" "$HERE/samba/client.sh" "$HERE/samba/key_ldif.py" "$ROOT/lab"
    printf 'nameserver 10.99.0.10\noptions timeout:2 attempts:2\n' >"$ROOT/lab/resolv.conf"
    echo '127.0.0.1 localhost' >"$ROOT/lab/hosts"
    provision_domain >"$LAB/provision.log" 2>&1 || die "the domain could not be made; $LAB/provision.log says why."
    # Records go in by RPC, to a server that runs.
    lab_start
    provision_dns >>"$LAB/provision.log" 2>&1 || die "the DNS records could not be made; $LAB/provision.log says why."
    lab_stop
    touch "$ROOT/lab/provisioned"
}

provision_domain() {
    (on_host dc1 samba-tool domain provision --targetdir=/lab/dc1 --realm=CORP.EXAMPLE --domain=CORP --server-role=dc \
        --dns-backend=SAMBA_INTERNAL --host-name=dc1 --host-ip=10.99.0.10 --adminpass="$PASSWORD" \
        --option='interfaces = lo eth0' --option='bind interfaces only = yes' --option='dns forwarder =') &&
        # Key trust is of this level; LDAP in the clear is of use in captures.
        sed -i 's/^\[global\]$/&\n\tad dc functional level = 2016\n\tldap server require strong auth = no/' \
            "$ROOT/lab/dc1/etc/smb.conf" || return
    local user sid
    for user in alice bob carol dave erin frank2 quin syncsvc; do
        directory user create "$user" "$PASSWORD" || return
    done
    # It writes keys; Samba has no group for that.
    directory group addmembers 'Domain Admins' syncsvc || return
    sid=$(directory user show erin --attributes=objectSid | sed -n 's/^objectSid: //p')
    (on_host dc1 env -C /lab/pki ERIN_SID="$sid" bash ../pki.sh) || return
    cp "$ROOT/lab/pki/ca.crl" "$ROOT/lab/www"
    # Not bob's; dave's comes in a case of its own.
    directory user keytrust add alice /lab/pki/alice.pub && directory user keytrust add carol /lab/pki/carol.pub || return
    client_conf "$ROOT/lab/client.conf"
    # Or MIT's client puts its own clock right by the KDC's answer.
    client_conf "$ROOT/lab/client-own-clock.conf" 'kdc_timesync = 0'
    client_conf "$ROOT/lab/client-udp.conf" 'udp_preference_limit = 32000'
}

client_conf() { # file, line of [libdefaults]
    cat >"$1" <<END
[libdefaults]
 default_realm = CORP.EXAMPLE
 dns_lookup_realm = false
 dns_lookup_kdc = true
 rdns = false
 dns_canonicalize_hostname = false
 canonicalize = true
 ${2:-}
[realms]
 CORP.EXAMPLE = {
  pkinit_anchors = FILE:/lab/pki/ca.pem
 }
[appdefaults]
 pkinit_anchors = FILE:/lab/pki/ca.pem
[domain_realm]
 .corp.example = CORP.EXAMPLE
END
}

provision_dns() {
    local login=(-U "Administrator%$PASSWORD") host
    # A reverse zone too: look-ups that nobody answers cost seconds.
    directory dns zonecreate dc1.corp.example 99.10.in-addr.arpa "${login[@]}" || return
    for host in dc1:10 web:50 ws1:101; do
        directory dns add dc1.corp.example 99.10.in-addr.arpa "${host#*:}.0" PTR "${host%:*}.corp.example" "${login[@]}" || return
    done
    directory dns add dc1.corp.example corp.example pki A 10.99.0.50 "${login[@]}"
}

lab_start() {
    need_root
    need_debian
    need_hosts
    need ss iproute2
    [ -e "$ROOT/lab/dc1/etc/smb.conf" ] || need_domain
    domain_controller kdc
    if [ -z "$(ip netns pids hellotrace-web)" ]; then
        (on_host web python3 -m http.server --directory /lab/www 80) </dev/null >"$LAB/web.log" 2>&1 &
        listens web -lt 80
    fi
}

# Starts the domain controller with this certificate, or anew with it where it runs with another.
domain_controller() { # name of its certificate, or `none`: without PKINIT
    if [ -n "$(ip netns pids hellotrace-dc1)" ]; then
        [ "$(cat "$LAB/dc1.certificate")" != "$1" ] || return 0
        end_programs dc1
    fi
    local pkinit=yes
    [ "$1" != none ] || pkinit=no
    cat >"$ROOT/lab/kdc.conf" <<END
[libdefaults]
 default_realm = CORP.EXAMPLE
[kdc]
 enable-pkinit = $pkinit
 pkinit_identity = FILE:/lab/pki/$1.pem,/lab/pki/$1.key
 pkinit_anchors = FILE:/lab/pki/ca.pem
 pkinit_principal_in_certificate = yes
 pkinit_win2k_require_binding = no
END
    echo "$1" >"$LAB/dc1.certificate"
    (on_host dc1 env KRB5_CONFIG=/lab/kdc.conf setsid --wait samba --configfile=/lab/dc1/etc/smb.conf -F --no-process-group \
        --debug-stdout --model=prefork --option='log level = 1 kerberos:5 auth_audit:3') </dev/null >"$LAB/dc1.log" 2>&1 &
    listens dc1 -lt 88
    listens dc1 -lu 88
    listens dc1 -lt 389
    listens dc1 -lu 53
    listens dc1 -lt 135
}

listens() { # host, -lt or -lu, port
    local tries
    for tries in {1..300}; do
        [ -z "$(ip netns exec "hellotrace-$1" ss -Hn "$2" "sport = :$3")" ] || return 0
        sleep 0.1
    done
    die "nothing listens on port $3 of $1 after $((tries / 10)) s; $LAB/$1.log says why."
}

# Ends the programs of a host: those in its namespace, no others.
end_programs() { # host
    local pids tries
    for tries in {1..100}; do
        mapfile -t pids < <(ip netns pids "hellotrace-$1" 2>/dev/null)
        [ "${#pids[@]}" -gt 0 ] || return 0
        case $tries in
            1) kill "${pids[@]}" 2>/dev/null || true ;;
            50) kill -KILL "${pids[@]}" 2>/dev/null || true ;;
        esac
        sleep 0.1
    done
    die "programs in hellotrace-$1 do not end: ${pids[*]}"
}

lab_stop() {
    need_root
    need ip iproute2
    local host
    for host in "${HOSTS[@]}"; do end_programs "$host"; done
}

lab_clean() {
    local host
    lab_stop
    for host in "${HOSTS[@]}" hub; do
        ip netns del "hellotrace-$host" 2>/dev/null || true
    done
    # A folder that is not the lab's stays as it is.
    if [ -e "$LAB" ]; then
        [ -e "$LAB/build.log" ] || die "$LAB does not look like the lab's folder, and is left alone."
        rm -rf --one-file-system "$LAB"
    fi
}

cases() {
    compgen -A function case. | sed 's/^case\.//'
}

recording() {
    ip netns exec hellotrace-ws1 tcpdump -q -s0 -U --immediate-mode -Z root -i eth0 -w "$CASE/capture.pcap" ip \
        2>"$CASE/tcpdump.log" &
    TCPDUMP=$!
    until grep -qs 'listening on' "$CASE/tcpdump.log"; do
        kill -0 "$TCPDUMP" 2>/dev/null || die "tcpdump did not start; $CASE/tcpdump.log says why."
        sleep 0.1
    done
    LOG_BEGIN=$(stat -c %s "$LAB/dc1.log")
}

# A packet filter on the domain controller, until the case ends.
packet_filter() { # words of iptables …
    need iptables iptables
    ip netns exec hellotrace-dc1 iptables "$@"
    FILTERED=yes
}

client() { # lines of shell
    local status=0
    (on_host ws1 bash -c '. /lab/client.sh; set -x; eval "$1"' sh "$1") </dev/null >>"$CASE/client.log" 2>&1 || status=$?
    echo "exit status $status" >>"$CASE/client.log"
}

record() { # case
    CASE=$LAB/cases/$1
    rm -rf "$CASE"
    mkdir -p "$CASE"
    FILTERED=
    "case.$1"
    # What comes late is part of the case.
    sleep 2
    kill -INT "$TCPDUMP"
    wait "$TCPDUMP" || true
    [ -z "$FILTERED" ] || ip netns exec hellotrace-dc1 iptables --flush
    tail -c "+$((LOG_BEGIN + 1))" "$LAB/dc1.log" >"$CASE/kdc.log"
    echo "$1: $(tail -n 1 "$CASE/client.log"), $(sed -n 's/ packets captured$//p' "$CASE/tcpdump.log") packets," \
        "sha256 $(sha256sum <"$CASE/capture.pcap" | cut -d' ' -f1)"
}

lab_record() { # cases …
    need_root
    need_debian
    need_hosts
    need_domain
    need tcpdump tcpdump
    [ -n "$(ip netns pids hellotrace-dc1)" ] || die "the domain controller does not run; \`start\` starts it."
    [ $# -gt 0 ] || die "which case? \`cases\` names them, \`all\` is each of them."
    local names=("$@") name
    [ "$*" != all ] || mapfile -t names < <(cases)
    for name in "${names[@]}"; do
        declare -F "case.$name" >/dev/null || die "there is no case $name; \`cases\` names them."
    done
    for name in "${names[@]}"; do record "$name"; done
    domain_controller kdc
}

# shellcheck source=lab/samba/cases.sh
. "$HERE/samba/cases.sh"

case ${1:-} in
    build | up | provision | start | stop | clean) "lab_$1" ;;
    record) lab_record "${@:2}" ;;
    cases) cases ;;
    *) die "which of build, up, provision, start, cases, record CASE…, stop, clean?" ;;
esac
