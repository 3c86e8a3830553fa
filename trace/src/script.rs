//! Logons written as lines of text, so that a test of a rule can be read like the traffic it is about.
//!
//! One message a line; the line's number (blank lines and `#` comments left out) is the packet number.
//!
//! ```text
//! 0.000 pc > dc   as-req alice
//! 0.004 dc > pc   krb-error 25 padata 16,2
//! 0.010 pc > dc   as-req alice pkinit key K1 dh modp-2048
//! 0.015 dc > pc   krb-error 16
//! 30              end
//! ```
//! * Time in seconds since 2026-01-05 12:00:00 UTC, then who to whom. Machines: `pc`, `pc2`, `pc3` (clients 10.99.0.21
//!   …), `dc`, `dc2`, `dc3` (10.99.0.10 …), `dns` (10.99.0.53), `public` (8.8.8.8), `web` (10.99.0.50), `proxy`
//!   (10.99.0.51). Each pair of machines talks on one flow; `flow N` opens another, `udp` sends by UDP (default TCP).
//! * `as-req NAME [realm R] [nonce N] [password] [fast] [old-pkinit] [pkinit …] [netbios NAME] [etypes 18,17] [till SECONDS] [service S]`
//!   (wanted end of the ticket, against the packet's time; a service in place of krbtgt); a nonce is the line number
//!   unless given. `pkinit` takes: `key LABEL` (self-signed certificate with that key; the default is `K1`),
//!   `issued LABEL` (issued by a CA), `no-certificate`, `anonymous`, `dh modp-1024|modp-2048|unknown|ecdh|rsa`,
//!   `clock SECONDS` (ctime against the packet's time), `expired`, `usage none|digitalSignature|keyEncipherment`,
//!   `eku OID,…`, `upn U`, `cn TEXT` (`_` for a blank), `sid`, `trusts ISSUER`, `freshness`, `dh-nonce`, `made SECONDS`
//!   (how long before the certificate begins), `unreadable`, `algorithm NAME` and `bits N` (of the key),
//!   `signature NAME`, `modulus HEX`.
//! * `as-rep NAME [realm R] ticket T [kvno N] [service S] [pkinit …]`; `pkinit` takes: `nonce N` (of PKINIT, else not
//!   readable), `dc LABEL` (which certificate), `expired`, `early` (not yet valid), `server-nonce`, `signature NAME`,
//!   `bits N`, `no-eku`, `san NAME,…` (`san -`: none), `pkinit-san`, `issuer TEXT`, `self-signed`, `chain`, `enveloped`
//!   (RSA mode: the certificate is not readable).
//! * `tgs-req SERVICE ticket T [of SERVICE] [kvno N] [fast] [partial] [for-user]`,
//!   `tgs-rep SERVICE ticket T [client NAME]`.
//! * `krb-error CODE [padata 16,2] [typed 109] [status 0xc0000072] [text WORD|verbatim WORD] [clock SECONDS]
//!   [microseconds N] [service S] [client NAME]
//!   [client-realm R]`; in `text`, `_` stands for a blank; an answer whose request is not there
//!   belongs to an AS exchange if it names the client.
//! * `connect refused|unanswered|open|one-sided [syns N] [within SECONDS] [since PACKET [ago SECONDS]] [icmp CODE] [bytes UP,DOWN]`:
//!   what became of a connection to port 88; `refused icmp CODE` by an ICMP message. SYNs are 1, 2, 4 … seconds apart
//!   unless told otherwise; the first is this packet unless told otherwise.
//! * `icmp CODE`: the client's last UDP request or ping did not arrive. (From the machine named to the client.)
//! * `ping [domain D] [user U] [id N]`: a netlogon ping.
//!   `pong [opcode N] [flags HEX] [host H] [site S] [domain D] [user U] [id N]` answers it; `pong nothing` ends the
//!   search with nothing found.
//! * `bind [simple NAME|sasl NAME|anonymous]` and `bind-result CODE [data HEX]`: of LDAP. `ap-req ticket T [port N]`,
//!   `ap-rep [port N]` and `krb-error CODE port N`: to and from a service, by default SMB on port 445.
//! * `ntlm NAME [port N]`: the last message of a sign-in by NTLM, by default to SMB; `smb-result HEX` answers it.
//! * `modify DN [attribute A] [id N]` and `modify-result CODE [id N]`; the attribute is msDS-KeyCredentialLink unless
//!   told otherwise. `adds K1,…`, `removes K1,…`, `replaces K1,…` say which keys (labels as in `pkinit key K1`),
//!   `clears` takes all away.
//! * `search FILTER [attribute A] [id N] [port N]`, `entry DN [keys K1,…] [part] [id N] [port N]` (without `keys`: it
//!   has none) and `search-result CODE [id N] [port N]`.
//! * Keys of `modify` and `entry` are as Windows writes them; `spki`: as Samba does; `bad-id`, `bad-hash`: with a
//!   fault.
//! * `srv NAME` and `srv-answer NAME nxdomain|servfail|refused|found [HOST]|empty`;
//!   `a-answer NAME ADDRESS|empty|nxdomain`; `not-authoritative`: the server does not know it itself; `truncated`.
//!   `as-req … fragments`: the request came in two packets, this one and the one before.
//! * TLS, between a client and `web` or `proxy` on port 443 unless `port N`: `client-hello [NAME]`,
//!   `server-hello tls12|tls13`, `certificate NAME,… [issuer TEXT] [expired] [cdp URL]` (of a client without names:
//!   none), `alert N [warning]`, `encrypted-alert`, `data`. How it ends:
//!   `connect open closed client-fin|client-reset|server-fin|server-reset [bytes UP,DOWN] port N`; `connect` is of port
//!   88 unless told otherwise.
//! * HTTP, on port 80 unless `port N`: `http GET URL`, `http CONNECT HOST:443`,
//!   `http STATUS METHOD URL [crl SECONDS] [ocsp good|revoked|unknown|N] [page]`: a CRL whose next one is due after so
//!   many seconds, what a responder says of serial number 01 or its status, a body that is none of both.
//!   `as-rep … cdp URL,…` (`cdp -`: none) and `ocsp-url URL,…` name such addresses.
//! * `connect open … lost N to-server|to-client`: so many bytes did not reach the other side of the connection, which
//!   got what followed them.
//! * `unacknowledged [bytes N] [sent N] [at-last]`: so many bytes on this flow are sent again and again and not
//!   acknowledged; `at-last`: now they are.
//! * `hole`: bytes of this flow are missing from the capture (`hole lost`: and did not reach the other side either); `cut`: the snap length cut a Kerberos message; `dns-cut`
//!   and `pong-cut`: it cut an answer of DNS, to a ping.
//! * `T export NAME [keys K1,K2] [spki] [bad-id] [bad-hash] [sid S]`: an export of the directory made at that time has
//!   this account with these keys; `T schema N`: it has the schema of this version. Neither is a packet.
//! * `T end`: the capture goes on to time T and ends there. Without it, it ends at the last line. `T open`: it goes on
//!   to T and has not ended. `T dropped`: the recorder counts a packet that it dropped. `T shed CLASS`: one of this
//!   class was not decoded, to keep a limit.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use capture::{CaptureTime, InputId, PacketId};
use decode::{
    Closing, Connection, Endpoint, Event, Gap, GapKind, Message, NotReceived, Path, Protocol, Refusal, Seen, Transport,
    Unacknowledged, Unreachable, WireText,
    directory::Object,
    dns, http,
    kerberos::{
        self, ApRequest, EncryptedPart, EncryptionType, ErrorCode, ErrorData, HostAddress, KdcReply, KdcRequest,
        KerberosTime, KrbError, NtStatus, PaData, PaType, PaValues, PrincipalName, Stage, Ticket, TicketId,
        message::FastArmor,
        pkinit::{self, KeyAgreement, SignedData, Signer},
    },
    key_credential::{KeyCredential, KeyMaterial, MaterialForm},
    ldap, ntlm, smb, tls,
    x509::{AlternativeNames, Certificate, PublicKey, Template},
};
use jiff::Timestamp;

use crate::{Class, Facts, Grouper, Logon, Shed};

/// The start of a script: 2026-01-05 12:00:00 UTC, in seconds since 1970.
const START: i64 = 1_767_614_400;
/// The realm unless told otherwise.
const REALM: &str = "CORP.EXAMPLE";
/// The certification authority unless told otherwise.
const ISSUER: &str = "CN=Lab CA,DC=corp,DC=example";
const DAY: i64 = 86_400;
/// QTYPE of SRV records.
const SRV: u16 = 33;

/// `pc`, `pc2`, `pc3`.
const CLIENTS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, 21)),
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, 22)),
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, 23)),
];

/// What a script leads to.
#[derive(Debug)]
pub struct Played {
    grouper: Grouper,
    logons: Vec<Logon>,
}

impl Played {
    /// The logons, in order of their beginning.
    pub fn logons(&self) -> &[Logon] {
        &self.logons
    }

    /// What holds beyond them.
    pub fn facts(&self) -> &Facts {
        self.grouper.facts()
    }
}

/// Plays a script.
///
/// # Panics
/// When a line cannot be read: a test's mistake, told with the line.
pub fn play(text: &str) -> Played {
    let grouper = group(text);
    let logons = grouper.logons().iter().map(std::borrow::Cow::into_owned).collect();
    Played { grouper, logons }
}

/// Plays a script and gives what a program would keep at its end, nothing else.
///
/// # Panics
/// When a line cannot be read: a test's mistake, told with the line.
pub fn group(text: &str) -> Grouper {
    let mut grouper = Grouper::default();
    let mut clock = START;
    let mut finished = true;
    let mut last = CaptureTime(0);
    let mut first = None;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut packets = 0_u64;
    let mut flows = HashMap::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let time =
            words.first().and_then(|word| word.parse::<f64>().ok()).unwrap_or_else(|| panic!("no time in: {line}"));
        #[expect(clippy::cast_possible_truncation, reason = "times in scripts are small")]
        let at = CaptureTime(START * CaptureTime::SECOND + (time * 1e9).round() as i64);
        last = last.max(at);
        first.get_or_insert(at);
        while clock < at.seconds() {
            clock += 1;
            grouper.tick(CaptureTime(clock * CaptureTime::SECOND));
        }
        match words.get(1..).unwrap_or_default() {
            ["end"] => finished = true,
            ["open"] => finished = false,
            ["export", name, rest @ ..] => {
                let seen = Seen::in_packet(PacketId { arrival: 0, input: InputId(0), number: 0 }, at);
                let line = Line { text: line, from: CLIENTS[0], to: CLIENTS[0], seen, words: rest };
                let directory = &mut grouper.facts_mut().directory;
                directory.insert(line.object(name));
                directory.note_newest(timestamp(at.seconds()));
            }
            ["schema", version] => grouper.facts_mut().directory.note_schema(version.parse().unwrap_or(0)),
            ["dropped"] => grouper.facts_mut().visibility.losses.by_system += 1,
            ["shed", class] => {
                let class = Class::ORDER.into_iter().find(|known| known.name() == *class);
                let class = class.unwrap_or_else(|| panic!("no class of packets in: {line}"));
                let shed = Shed { packets: 1, seconds: 1, first: at, last: at };
                grouper.facts_mut().visibility.shed.insert(class, shed);
            }
            [from, ">", to, rest @ ..] => {
                packets += 1;
                let id = PacketId { arrival: packets, input: InputId(0), number: packets };
                let line = Line {
                    text: line,
                    from: machine(from, line),
                    to: machine(to, line),
                    seen: Seen::in_packet(id, at),
                    words: rest,
                };
                grouper.push(line.event(&mut flows));
            }
            _ => panic!("cannot read: {line}"),
        }
    }
    if finished {
        grouper.finish();
    } else {
        grouper.flush();
    }
    let visibility = &mut grouper.facts_mut().visibility;
    visibility.packets = packets;
    visibility.first = first;
    visibility.last = Some(last);
    visibility.now = Some(last);
    visibility.finished = finished;
    grouper
}

struct Line<'t> {
    text: &'t str,
    from: IpAddr,
    to: IpAddr,
    seen: Seen,
    words: &'t [&'t str],
}

impl Line<'_> {
    fn event(&self, last_udp: &mut HashMap<(IpAddr, IpAddr), Path>) -> Event {
        let kind = self.words.first().copied().unwrap_or_default();
        let to_server = matches!(
            kind,
            "as-req"
                | "tgs-req"
                | "connect"
                | "srv"
                | "cut"
                | "ping"
                | "bind"
                | "modify"
                | "search"
                | "ap-req"
                | "ntlm"
        );
        let port = match kind {
            "ping" | "pong" | "pong-cut" | "bind" | "bind-result" | "modify" | "modify-result" | "search" | "entry"
            | "search-result" => 389,
            "ap-req" | "ap-rep" | "ntlm" | "smb-result" => 445,
            "client-hello" | "server-hello" | "certificate" | "alert" | "encrypted-alert" | "data" => 443,
            "http" => 80,
            _ if ["srv", "a-answer", "dns-"].iter().any(|start| kind.starts_with(start)) => 53,
            _ => 88,
        };
        let port = self.number("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(port);
        let to_server = to_server
            || (matches!(
                kind,
                "unacknowledged" | "client-hello" | "certificate" | "alert" | "encrypted-alert" | "data" | "http"
            ) && CLIENTS.contains(&self.from));
        let client_port = 50_000 + self.number("flow").unwrap_or(0);
        let by_datagram = self.has("udp") || port == 53 || matches!(kind, "ping" | "pong" | "pong-cut");
        let transport = if by_datagram { Transport::Udp } else { Transport::Tcp };
        let client_port = u16::try_from(client_port).unwrap_or(50_000);
        let (source, destination) = if to_server {
            (Endpoint { address: self.from, port: client_port }, Endpoint { address: self.to, port })
        } else {
            (Endpoint { address: self.from, port }, Endpoint { address: self.to, port: client_port })
        };
        let path = Path { transport, source, destination };
        if to_server && transport == Transport::Udp && port != 53 {
            last_udp.insert((self.from, self.to), path);
        }
        let kerberos = |message| (Some(path), Message::Kerberos(Box::new(message)));
        let (path, message) = match kind {
            "as-req" => kerberos(kerberos::Message::KdcRequest(self.as_request())),
            "tgs-req" => kerberos(kerberos::Message::KdcRequest(self.tgs_request())),
            "as-rep" => kerberos(kerberos::Message::KdcReply(self.kdc_reply(Stage::As))),
            "tgs-rep" => kerberos(kerberos::Message::KdcReply(self.kdc_reply(Stage::Tgs))),
            "krb-error" => kerberos(kerberos::Message::Error(self.error())),
            "connect" => (Some(path), Message::Connection(Box::new(self.connection()))),
            "unacknowledged" => (Some(path), Message::Unacknowledged(self.unacknowledged())),
            "icmp" => self.icmp(last_udp),
            "srv" | "srv-answer" | "a-answer" => (Some(path), Message::Dns(Box::new(self.dns(kind)))),
            "client-hello" | "server-hello" | "certificate" | "alert" | "encrypted-alert" | "data" => {
                (Some(path), Message::Tls(Box::new(tls::Message { body: self.tls(kind), stopped: None })))
            }
            "http" => (Some(path), Message::Http(Box::new(self.http()))),
            "hole" if self.has("lost") => (Some(path), gap(GapKind::NotReceived)),
            "hole" => (Some(path), gap(GapKind::Missing)),
            "cut" | "dns-cut" | "pong-cut" => (Some(path), gap(GapKind::CutShort)),
            "ping" | "pong" => (Some(path), Message::Cldap(Box::new(self.ldap(kind)))),
            "bind" | "bind-result" | "modify" | "modify-result" | "search" | "entry" | "search-result" => {
                (Some(path), Message::Ldap(Box::new(self.ldap(kind))))
            }
            "ntlm" => (Some(path), Message::Ntlm(Box::new(self.ntlm()))),
            "smb-result" => (Some(path), Message::Smb(Box::new(self.smb()))),
            "ap-req" => kerberos(kerberos::Message::ApRequest(self.ap_request())),
            "ap-rep" => kerberos(kerberos::Message::ApReply(kerberos::Sealed { enc_part: None, stopped: None })),
            _ => panic!("unknown message in: {}", self.text),
        };
        let mut seen = self.seen;
        if self.has("fragments") {
            let number = seen.last.number.saturating_sub(1);
            seen.first = PacketId { arrival: number, number, ..seen.last };
        }
        Event::direct(seen, path, message)
    }

    fn unacknowledged(&self) -> Unacknowledged {
        let number = |name| self.number(name).and_then(|number| u32::try_from(number).ok());
        let (bytes, sent) = (number("bytes").unwrap_or(1460), number("sent").unwrap_or(4));
        Unacknowledged { bytes, sent, at_last: self.has("at-last") }
    }

    fn object(&self, name: &str) -> Object {
        let domain = REALM.to_lowercase().replace('.', ",DC=");
        let mut object = Object::new(format!("CN={name},CN=Users,DC={domain}").as_str().into());
        object.account = Some(WireText::from(name));
        object.sid = self.value("sid").map(str::to_owned);
        object.keys_shown = true;
        object.keys =
            self.keys().map(|keys| keys.values.into_iter().map(|value| value.credential).collect()).unwrap_or_default();
        object
    }

    fn as_request(&self) -> KdcRequest {
        let name = self.words.get(1).copied().unwrap_or("alice");
        let mut padata = Vec::new();
        let mut pkinit = None;
        let mut fast = None;
        if self.has("pkinit") {
            padata.push(pa(PaType::PK_AS_REQ));
            pkinit = (!self.has("unreadable")).then(|| Box::new(self.pkinit_request()));
        }
        if self.has("old-pkinit") {
            padata.push(pa(PaType::PK_AS_REP_OLD));
        }
        if self.has("password") {
            padata.push(pa(PaType::ENC_TIMESTAMP));
        }
        if self.has("fast") {
            padata.push(pa(PaType::FX_FAST));
            fast = Some(FastArmor { armor_type: Some(1), armor: None, checksum_type: None, enc_part: None });
        }
        let addresses = self
            .value("netbios")
            .map(|name| vec![HostAddress { kind: 20, text: WireText::from(name) }])
            .unwrap_or_default();
        let etypes = self.list("etypes").iter().filter_map(|etype| etype.parse().ok()).map(EncryptionType).collect();
        KdcRequest {
            stage: Stage::As,
            padata,
            kdc_options: Some(0x4081_0010),
            cname: Some(principal(name)),
            realm: Some(WireText::from(self.value("realm").unwrap_or(REALM))),
            sname: Some(
                self.value("service")
                    .map_or_else(|| principal(&format!("krbtgt/{}", self.value("realm").unwrap_or(REALM))), principal),
            ),
            from: None,
            till: self.number("till").map(|seconds| kerberos_time(self.seen.at.seconds() + seconds)),
            rtime: None,
            nonce: Some(self.number("nonce").unwrap_or_else(|| i64::try_from(self.seen.last.number).unwrap_or(0))),
            etypes,
            addresses,
            additional_tickets: Vec::new(),
            ap_request: None,
            pkinit,
            values: PaValues::default(),
            fast,
            stopped: None,
        }
    }

    fn pkinit_request(&self) -> pkinit::Request {
        let mut signed = SignedData {
            digest: Some("sha256".into()),
            signature_algorithm: Some("rsa".into()),
            ..SignedData::default()
        };
        let anonymous = self.has("anonymous");
        if !anonymous {
            signed.signer =
                Some(Signer { certificate: (!self.has("no-certificate")).then_some(0), ..Signer::default() });
        }
        if !anonymous && !self.has("no-certificate") {
            signed.certificates.push(Arc::new(self.client_certificate()));
        }
        let ctime = self.seen.at.seconds() + self.number("clock").unwrap_or(0);
        pkinit::Request {
            signed,
            nonce: Some(self.number("nonce").unwrap_or(1)),
            ctime: Some(kerberos_time(ctime)),
            cusec: Some(0),
            checksum: true,
            freshness_token: self.has("freshness"),
            client_dh_nonce: self.has("dh-nonce"),
            key_agreement: match self.value("dh").unwrap_or("modp-2048") {
                "ecdh" => KeyAgreement::Ecdh { curve: "P-256".into(), bits: 256 },
                "rsa" => KeyAgreement::Rsa,
                "modp-1024" => KeyAgreement::Dh { group: Some("modp-1024"), bits: 1024 },
                "modp-4096" => KeyAgreement::Dh { group: Some("modp-4096"), bits: 4096 },
                "unknown" => KeyAgreement::Dh { group: None, bits: 2048 },
                _ => KeyAgreement::Dh { group: Some("modp-2048"), bits: 2048 },
            },
            trusted_certifiers: self.value("trusts").map(|issuer| vec![blanks(issuer)]).unwrap_or_default(),
            ..pkinit::Request::default()
        }
    }

    fn client_certificate(&self) -> Certificate {
        let issued = self.value("issued");
        let key = issued.or(self.value("key")).unwrap_or("K1");
        let common_name = self.value("cn").map_or_else(|| key.to_owned(), blanks);
        let subject = format!("CN={common_name}");
        let now = self.seen.at.seconds();
        let mut certificate = certificate(&subject, issued.map_or(subject.as_str(), |_| ISSUER), key, now);
        certificate.common_name = Some(common_name);
        certificate.not_after = timestamp(if self.has("expired") { now - DAY } else { now + 365 * DAY });
        if let Some(seconds) = self.number("made") {
            certificate.not_before = timestamp(now - seconds);
        }
        certificate.key_usage = match self.value("usage") {
            Some("none") => None,
            Some("keyEncipherment") => Some(vec!["keyEncipherment"]),
            _ => Some(vec!["digitalSignature"]),
        };
        certificate.eku = Some(vec!["1.3.6.1.4.1.311.20.2.2".to_owned()]);
        if self.has("eku") {
            certificate.eku = Some(self.list("eku").iter().map(|&oid| oid.to_owned()).collect());
        }
        certificate.san.upn = self.value("upn").map(|upn| vec![upn.to_owned()]).unwrap_or_default();
        if let Some(algorithm) = self.value("algorithm") {
            certificate.key = PublicKey { algorithm: algorithm.to_owned(), bits: 256 };
            certificate.key_id = String::new();
        }
        if let Some(bits) = self.number("bits").and_then(|bits| u32::try_from(bits).ok()) {
            certificate.key.bits = bits;
        }
        if let Some(signature) = self.value("signature") {
            signature.clone_into(&mut certificate.signature_algorithm);
        }
        self.value("modulus").unwrap_or_default().clone_into(&mut certificate.modulus);
        certificate.sid = self.has("sid").then(|| "S-1-5-21-1-2-3-1104".to_owned());
        certificate
    }

    fn kdc_certificate(&self) -> Certificate {
        let now = self.seen.at.seconds();
        let label = self.value("dc").unwrap_or("dc-key");
        let issuer = self.value("issuer").map_or_else(|| ISSUER.to_owned(), blanks);
        let subject = format!("CN={label}");
        let mut certificate =
            certificate(&subject, if self.has("self-signed") { &subject } else { &issuer }, label, now);
        if self.has("expired") {
            certificate.not_after = timestamp(now - DAY);
        }
        if self.has("early") {
            certificate.not_before = timestamp(now + DAY);
        }
        if let Some(days) = self.number("expires") {
            certificate.not_after = timestamp(now + days * DAY);
        }
        if let Some(days) = self.number("began") {
            certificate.not_before = timestamp(now - days * DAY);
        }
        certificate.template = self.value("template").map(|template| {
            let is_oid = template.contains('.');
            let part = |wanted: bool| if wanted { template.to_owned() } else { String::new() };
            Template { name: part(!is_oid), oid: part(is_oid) }
        });
        if let Some(signature) = self.value("signature") {
            signature.clone_into(&mut certificate.signature_algorithm);
        }
        if let Some(bits) = self.number("bits").and_then(|bits| u32::try_from(bits).ok()) {
            certificate.key.bits = bits;
        }
        certificate.eku = Some(if self.has("no-eku") {
            vec!["1.3.6.1.5.5.7.3.1".to_owned(), "1.3.6.1.5.5.7.3.2".to_owned()]
        } else {
            vec!["1.3.6.1.5.5.7.3.1".to_owned(), "1.3.6.1.5.2.3.5".to_owned()]
        });
        certificate.san.dns = if self.has("san") {
            self.list("san").iter().filter(|name| **name != "-").map(|&name| name.to_owned()).collect()
        } else {
            vec!["dc1.corp.example".to_owned(), "corp.example".to_owned(), "CORP".to_owned()]
        };
        let list = self.value("cdp").unwrap_or("http://pki.corp.example/corp.crl");
        certificate.crl_urls = list.split(',').filter(|url| *url != "-").map(str::to_owned).collect();
        certificate.ocsp_urls = self.list("ocsp-url").iter().map(|&url| url.to_owned()).collect();
        if self.has("pkinit-san") {
            certificate.san.pkinit = vec![format!("krbtgt/{REALM}@{REALM}")];
        }
        certificate
    }

    fn tgs_request(&self) -> KdcRequest {
        let mut request = KdcRequest { stage: Stage::Tgs, ..self.as_request_base() };
        let partial = self.has("partial");
        request.sname = Some(principal(self.words.get(1).copied().unwrap_or("host/pc.corp.example")));
        request.padata = vec![pa(PaType::TGS_REQ)];
        if self.has("fast") {
            request.padata.push(pa(PaType::FX_FAST));
        }
        if partial {
            request.padata.push(pa(PaType::KERB_KEY_LIST_REQ));
        }
        if self.has("for-user") {
            request.padata.push(pa(PaType::FOR_USER));
        }
        let mut ticket =
            ticket(self.value("ticket").unwrap_or("T1"), self.value("of").unwrap_or("krbtgt/CORP.EXAMPLE"));
        ticket.kvno = self.number("kvno").or(ticket.kvno);
        if partial {
            ticket.kvno = Some(0x1234_0001);
        }
        request.ap_request =
            Some(ApRequest { ap_options: Some(0), ticket: Some(ticket), authenticator: None, stopped: None });
        request
    }

    fn as_request_base(&self) -> KdcRequest {
        KdcRequest { cname: None, padata: Vec::new(), pkinit: None, fast: None, ..self.as_request() }
    }

    fn kdc_reply(&self, stage: Stage) -> KdcReply {
        let name = match stage {
            Stage::As => self.words.get(1).copied().unwrap_or("alice"),
            Stage::Tgs => self.value("client").unwrap_or("alice"),
        };
        let service = match stage {
            Stage::As => self.value("service").unwrap_or("krbtgt/CORP.EXAMPLE"),
            Stage::Tgs => self.words.get(1).copied().unwrap_or("host/pc.corp.example"),
        };
        let pkinit = self.has("pkinit").then(|| {
            if self.has("enveloped") {
                return Box::new(pkinit::Reply { form: pkinit::ReplyForm::EncKeyPack, ..pkinit::Reply::default() });
            }
            let mut signed = SignedData {
                signer: Some(Signer { certificate: Some(0), ..Signer::default() }),
                ..SignedData::default()
            };
            signed.certificates.push(Arc::new(self.kdc_certificate()));
            if self.has("chain") {
                signed.certificates.push(Arc::new(certificate(ISSUER, ISSUER, "ca", self.seen.at.seconds())));
            }
            let (nonce, server_dh_nonce) = (self.number("nonce"), self.has("server-nonce"));
            Box::new(pkinit::Reply { signed, nonce, server_dh_nonce, ..pkinit::Reply::default() })
        });
        let padata = if pkinit.is_some() { vec![pa(PaType::PK_AS_REP)] } else { Vec::new() };
        KdcReply {
            stage,
            padata,
            crealm: Some(WireText::from(self.value("realm").unwrap_or(REALM))),
            cname: Some(principal(name)),
            ticket: Some(Ticket {
                kvno: self.number("kvno").or(Some(2)),
                ..ticket(self.value("ticket").unwrap_or("T1"), service)
            }),
            enc_part: Some(EncryptedPart { etype: EncryptionType(18), kvno: None, length: 256 }),
            pkinit,
            values: PaValues::default(),
            fast: None,
            stopped: None,
        }
    }

    fn error(&self) -> KrbError {
        let code = self
            .words
            .get(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("no error code in: {}", self.text));
        let numbers = |key| self.list(key).iter().filter_map(|number| number.parse().ok()).collect::<Vec<i32>>();
        let e_data = if self.has("padata") {
            Some(ErrorData::MethodData(numbers("padata").into_iter().map(|kind| pa(PaType(kind))).collect()))
        } else if self.has("typed") {
            Some(ErrorData::TypedData(numbers("typed")))
        } else {
            self.value("status").map(|status| {
                let status = u32::from_str_radix(status.trim_start_matches("0x"), 16);
                ErrorData::Extended { data_type: 3, status: status.ok().map(NtStatus), flags: Some(1) }
            })
        };
        KrbError {
            ctime: None,
            cusec: None,
            stime: Some(kerberos_time(self.seen.at.seconds() + self.number("clock").unwrap_or(0))),
            susec: Some(self.number("microseconds").unwrap_or(0)),
            code: ErrorCode(code),
            crealm: self.value("client-realm").map(WireText::from),
            cname: self.value("client").map(principal),
            realm: Some(WireText::from(self.value("realm").unwrap_or(REALM))),
            sname: Some(principal(self.value("service").unwrap_or("krbtgt/CORP.EXAMPLE"))),
            e_text: self
                .value("text")
                .map(|text| WireText::from(blanks(text).as_str()))
                .or_else(|| self.value("verbatim").map(WireText::from)),
            e_data,
            values: PaValues::default(),
            typed: None,
            fast: None,
            stopped: None,
        }
    }

    fn connection(&self) -> Connection {
        let kind = self.words.get(1).copied().unwrap_or_default();
        let bytes: Vec<u64> = self.list("bytes").iter().filter_map(|bytes| bytes.parse().ok()).collect();
        let syns = u32::try_from(self.number("syns").unwrap_or(1)).unwrap_or(1);
        let default = (1_i64 << syns.clamp(1, 16).saturating_sub(1)) - 1;
        let lasted = self.number("within").unwrap_or(default);
        let began = match self.number("since") {
            Some(packet) => {
                let packet =
                    PacketId { arrival: packet.unsigned_abs(), number: packet.unsigned_abs(), ..self.seen.last };
                let ago = self.number("ago").unwrap_or(0) * CaptureTime::SECOND;
                Seen::in_packet(packet, CaptureTime(self.seen.at.0 - ago))
            }
            None => self.seen,
        };
        let last_syn = Seen { at: CaptureTime(began.at.0 + lasted * CaptureTime::SECOND), ..self.seen };
        let lost = |side| {
            let bytes = self.number("lost").and_then(|bytes| u64::try_from(bytes).ok());
            bytes.filter(|_| self.has(side)).map(|bytes| NotReceived { seen: self.seen, bytes, after: 0 })
        };
        Connection {
            opened: match kind {
                "refused" | "unanswered" => Some(false),
                "open" => Some(true),
                _ => None,
            },
            syns,
            began,
            last_syn: Some(last_syn),
            refused: (kind == "refused").then(|| {
                let code = self.number("icmp").and_then(|code| u8::try_from(code).ok());
                code.map_or(Refusal::Reset, Refusal::Icmp)
            }),
            closed: self.value("closed").map(|how| match how {
                "client-fin" => Closing::ClientFin,
                "client-reset" => Closing::ClientReset,
                "server-fin" => Closing::ServerFin,
                _ => Closing::ServerReset,
            }),
            bytes_to_server: bytes.first().copied().unwrap_or(0),
            bytes_to_client: bytes.get(1).copied().unwrap_or(0),
            directions_seen: (true, !matches!(kind, "unanswered" | "one-sided")),
            missing: 0,
            lost_to_server: lost("to-server"),
            lost_to_client: lost("to-client"),
        }
    }

    fn tls(&self, kind: &str) -> tls::Body {
        let word = self.words.get(1).copied().unwrap_or_default();
        match kind {
            "client-hello" => tls::Body::ClientHello(Box::new(tls::ClientHello {
                sni: (!word.is_empty() && word.contains('.')).then(|| WireText::from(word)),
                ..tls::ClientHello::default()
            })),
            "server-hello" => {
                let version = if word == "tls13" { tls::Version::TLS13 } else { tls::Version::TLS12 };
                let supported_versions = if word == "tls13" { vec![version] } else { Vec::new() };
                tls::Body::ServerHello(Box::new(tls::ServerHello {
                    version: tls::Version::TLS12,
                    supported_versions,
                    ..tls::ServerHello::default()
                }))
            }
            "certificate" if word.is_empty() => tls::Body::Certificate(Vec::new()),
            "certificate" => tls::Body::Certificate(vec![Arc::new(self.server_certificate(word))]),
            "alert" => tls::Body::Alert(tls::Alert::Clear {
                level: if self.has("warning") { 1 } else { 2 },
                description: tls::AlertDescription(word.parse().unwrap_or(0)),
            }),
            "encrypted-alert" => tls::Body::Alert(tls::Alert::Encrypted),
            _ => tls::Body::ApplicationData { bytes: 100 },
        }
    }

    fn server_certificate(&self, names: &str) -> Certificate {
        let now = self.seen.at.seconds();
        let issuer = self.value("issuer").map_or_else(|| ISSUER.to_owned(), blanks);
        let mut certificate = certificate("", &issuer, names, now);
        certificate.san.dns = names.split(',').map(str::to_owned).collect();
        if self.has("expired") {
            certificate.not_after = timestamp(now - DAY);
        }
        certificate.crl_urls = self.list("cdp").iter().map(|&url| url.to_owned()).collect();
        certificate
    }

    fn http(&self) -> http::Message {
        let word = self.words.get(1).copied().unwrap_or_default();
        let status = word.parse().ok();
        let rest = self.words.get(if status.is_some() { 2 } else { 1 }..).unwrap_or_default();
        let (method, target) = (rest.first().copied().unwrap_or("GET"), rest.get(1).copied().unwrap_or("/"));
        let (host, path) = match target.split_once("://") {
            Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => (target, target),
        };
        let now = self.seen.at.seconds();
        http::Message {
            method: Some(WireText::from(method)),
            target: Some(WireText::from(path)),
            host: Some(WireText::from(host)),
            status,
            crl: self.number("crl").map(|seconds| http::Crl {
                issuer: self.value("issuer").map_or_else(|| ISSUER.to_owned(), blanks),
                this_update: timestamp(now - 7 * DAY),
                next_update: Some(timestamp(now + seconds)),
            }),
            ocsp: self.value("ocsp").map(|said| http::Ocsp {
                status: http::OcspStatus(said.parse().unwrap_or(0)),
                responses: match said {
                    "good" => vec![self.single(http::CertificateStatus::Good)],
                    "revoked" => vec![self.single(http::CertificateStatus::Revoked)],
                    "unknown" => vec![self.single(http::CertificateStatus::Unknown)],
                    _ => Vec::new(),
                },
            }),
            stopped: self.has("page").then(|| "the body is neither a CRL nor an OCSP response".to_owned()),
        }
    }

    fn single(&self, status: http::CertificateStatus) -> http::SingleResponse {
        let this_update = timestamp(self.seen.at.seconds());
        http::SingleResponse { serial: "01".to_owned(), status, this_update, next_update: None }
    }

    fn icmp(&self, last_udp: &HashMap<(IpAddr, IpAddr), Path>) -> (Option<Path>, Message) {
        let about = last_udp.get(&(self.to, self.from)).copied();
        let code = self.words.get(1).and_then(|code| code.parse().ok()).unwrap_or(3);
        let end = |address| Endpoint { address, port: 0 };
        let path = Path { transport: Transport::Icmp, source: end(self.from), destination: end(self.to) };
        (Some(path), Message::Unreachable(Box::new(Unreachable { icmp_type: 3, code, about })))
    }

    fn ap_request(&self) -> ApRequest {
        let ticket = ticket(self.value("ticket").unwrap_or("T1"), "cifs/dc1.corp.example");
        ApRequest { ap_options: Some(0), ticket: Some(ticket), authenticator: None, stopped: None }
    }

    fn ntlm(&self) -> ntlm::Message {
        ntlm::Message {
            kind: ntlm::Kind::Authenticate,
            domain: Some(WireText::from("CORP")),
            user: self.words.get(1).copied().map(WireText::from),
            workstation: None,
            target_name: None,
            server: ntlm::Server::default(),
            stopped: None,
        }
    }

    fn smb(&self) -> smb::SessionSetup {
        let digits = self.words.get(1).copied().unwrap_or("0").trim_start_matches("0x");
        let status = u32::from_str_radix(digits, 16).ok().map(NtStatus);
        smb::SessionSetup { version: smb::Version::Smb2, status, session_id: None }
    }

    fn ldap(&self, kind: &str) -> ldap::Message {
        let result = || {
            let code = self.words.get(1).and_then(|code| code.parse().ok());
            let data = |data: &str| {
                WireText::from(
                    format!(
                        "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data {data}, v4563"
                    )
                    .as_str(),
                )
            };
            ldap::Outcome { code: Some(ldap::ResultCode(code.unwrap_or(0))), diagnostic: self.value("data").map(data) }
        };
        let mut names = ldap::Names::default();
        let operation = match kind {
            "ping" => {
                names.push(b"Netlogon");
                let user = self.value("user").map(|user| format!("(User={user})")).unwrap_or_default();
                let domain = self.value("domain").unwrap_or("corp.example");
                ldap::Operation::SearchRequest(Box::new(ldap::SearchRequest {
                    filter: Some(format!("(&(DnsDomain={domain}){user}(NtVer=\\16\\00\\00\\00))")),
                    attributes: names,
                    ..ldap::SearchRequest::default()
                }))
            }
            "pong" if self.has("nothing") => ldap::Operation::SearchResultDone(result()),
            "pong" => ldap::Operation::SearchResultEntry(ldap::Entry {
                netlogon: Some(Box::new(self.netlogon())),
                ..ldap::Entry::default()
            }),
            "bind" => ldap::Operation::BindRequest(ldap::BindRequest {
                version: Some(3),
                bind_dn: self.value("simple").map(WireText::from),
                authentication: Some(match self.value("sasl") {
                    Some(mechanism) => ldap::Authentication::Sasl(WireText::from(mechanism)),
                    None => ldap::Authentication::Simple { password: self.has("simple") },
                }),
            }),
            "bind-result" => ldap::Operation::BindResponse(result()),
            "modify" => {
                names.push(self.value("attribute").unwrap_or("msDS-KeyCredentialLink").as_bytes());
                let dn = self.words.get(1).copied().map(WireText::from);
                ldap::Operation::ModifyRequest(ldap::Change { dn, attributes: names, keys: self.keys() })
            }
            "search" => {
                names.push(self.value("attribute").unwrap_or("msDS-KeyCredentialLink").as_bytes());
                ldap::Operation::SearchRequest(Box::new(ldap::SearchRequest {
                    filter: self.words.get(1).map(|filter| (*filter).to_owned()),
                    attributes: names,
                    ..ldap::SearchRequest::default()
                }))
            }
            "entry" => {
                let keys = self.keys();
                match (&keys, self.has("part")) {
                    (Some(_), true) => names.push(b"msDS-KeyCredentialLink;range=0-1"),
                    (Some(_), false) => names.push(b"msDS-KeyCredentialLink"),
                    (None, _) => names.push(b"objectGUID"),
                }
                let dn = self.words.get(1).copied().map(WireText::from);
                ldap::Operation::SearchResultEntry(ldap::Entry { dn, attributes: names, netlogon: None, keys })
            }
            "search-result" => ldap::Operation::SearchResultDone(result()),
            _ => ldap::Operation::ModifyResponse(result()),
        };
        ldap::Message { message_id: Some(self.number("id").unwrap_or(1)), operation, stopped: None }
    }

    fn keys(&self) -> Option<Box<ldap::Keys>> {
        use ldap::ChangeKind;
        let mut keys = ldap::Keys { all_removed: self.has("clears") || self.has("replaces"), ..ldap::Keys::default() };
        for (word, change) in [
            ("keys", None),
            ("adds", Some(ChangeKind::ADD)),
            ("removes", Some(ChangeKind::DELETE)),
            ("replaces", Some(ChangeKind::REPLACE)),
        ] {
            keys.values.extend(self.list(word).into_iter().map(|label| ldap::KeyValue {
                change,
                credential: KeyCredential {
                    key_id: Some(if self.has("bad-id") { "another" } else { label }.to_owned()),
                    key_id_matches: Some(!self.has("bad-id")),
                    key_hash_matches: Some(!self.has("bad-hash")),
                    material: Some(KeyMaterial {
                        form: if self.has("spki") { MaterialForm::Spki } else { MaterialForm::Bcrypt },
                        bytes: 283,
                        key: None,
                        bcrypt_key_id: Some(label.to_owned()),
                        roca_weak: Some(false),
                        fido: None,
                    }),
                    ..KeyCredential::default()
                },
            }));
        }
        (keys.all_removed || !keys.values.is_empty()).then(|| Box::new(keys))
    }

    fn netlogon(&self) -> ldap::Netlogon {
        let text = |key: &str, default: &str| Some(WireText::from(self.value(key).unwrap_or(default)));
        let flags = self.value("flags").map_or(0x1_f3fd, |flags| {
            let digits = flags.trim_start_matches("0x");
            u32::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("no flags in: {}", self.text))
        });
        ldap::Netlogon {
            opcode: self.number("opcode").and_then(|opcode| u16::try_from(opcode).ok()).unwrap_or(23),
            flags: Some(flags),
            domain: text("domain", "corp.example"),
            forest: text("domain", "corp.example"),
            host: text("host", ""),
            user: text("user", ""),
            server_site: text("site", "Paris"),
            client_site: text("site", "Paris"),
            ..ldap::Netlogon::default()
        }
    }

    fn dns(&self, kind: &str) -> dns::Message {
        let name = WireText::from(self.words.get(1).copied().unwrap_or_default());
        let answer = self.words.get(2).copied().unwrap_or_default();
        let service = dns::Service {
            name: name.clone(),
            priority: 0,
            weight: 100,
            port: 88,
            target: WireText::from(self.words.get(3).copied().unwrap_or("dc1.corp.example")),
        };
        let address = (kind == "a-answer").then(|| answer.parse().ok()).flatten();
        dns::Message {
            response: kind != "srv",
            opcode: 0,
            id: u16::try_from(self.number("id").unwrap_or(1)).unwrap_or(1),
            authoritative: !self.has("not-authoritative"),
            truncated: self.has("truncated"),
            rcode: (kind != "srv").then_some(match answer {
                "nxdomain" => 3,
                "servfail" => 2,
                "refused" => 5,
                _ => 0,
            }),
            questions: vec![dns::Question { name: name.clone(), kind: if kind == "a-answer" { 1 } else { SRV } }],
            srv: if answer == "found" { vec![service] } else { Vec::new() },
            addresses: address.map(|address| vec![dns::Address { name, address }]).unwrap_or_default(),
            cname: Vec::new(),
            ptr: Vec::new(),
            other_answers: 0,
            stopped: None,
        }
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    fn value(&self, key: &str) -> Option<&str> {
        let index = self.words.iter().position(|word| *word == key)?;
        self.words.get(index + 1).copied()
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.value(key).and_then(|value| value.parse().ok())
    }

    fn list(&self, key: &str) -> Vec<&str> {
        self.value(key).map(|value| value.split(',').collect()).unwrap_or_default()
    }
}

fn machine(name: &str, line: &str) -> IpAddr {
    if name == "public" {
        return IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
    }
    let last = match name {
        "dc" => 10,
        "dc2" => 11,
        "dc3" => 12,
        "pc" => 21,
        "pc2" => 22,
        "pc3" => 23,
        "web" => 50,
        "proxy" => 51,
        "dns" => 53,
        _ => panic!("unknown machine {name} in: {line}"),
    };
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, last))
}

fn gap(kind: GapKind) -> Message {
    Message::Gap(Box::new(Gap { kind, protocol: Protocol::Kerberos, bytes: 100, detail: String::new() }))
}

fn pa(kind: PaType) -> PaData {
    PaData { kind, length: 16 }
}

fn principal(name: &str) -> PrincipalName {
    let name_type = if name.contains('@') { 10 } else { 1 };
    PrincipalName { name_type, components: name.split('/').map(WireText::from).collect() }
}

fn ticket(label: &str, service: &str) -> Ticket {
    let id = label.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Ticket {
        realm: Some(WireText::from(REALM)),
        sname: Some(principal(service)),
        etype: Some(EncryptionType(18)),
        kvno: Some(2),
        id: Some(TicketId(id)),
    }
}

fn certificate(subject: &str, issuer: &str, label: &str, now: i64) -> Certificate {
    Certificate {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
        serial: "01".to_owned(),
        not_before: timestamp(now - 30 * DAY),
        not_after: timestamp(now + 300 * DAY),
        key: PublicKey { algorithm: "rsa".to_owned(), bits: 2048 },
        signature_algorithm: "rsa-sha256".to_owned(),
        eku: None,
        key_usage: None,
        san: AlternativeNames::default(),
        template: None,
        sid: None,
        self_signed: subject == issuer,
        sha256: format!("{label}:{subject}"),
        key_id: label.to_owned(),
        key_id_pkcs1: String::new(),
        key_id_spki: String::new(),
        subject_key_id: None,
        authority_key_id: None,
        stopped: None,
        modulus: String::new(),
        crl_urls: Vec::new(),
        ocsp_urls: Vec::new(),
        ca_urls: Vec::new(),
        common_name: None,
    }
}

fn blanks(text: &str) -> String {
    text.replace('_', " ")
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn kerberos_time(seconds: i64) -> KerberosTime {
    KerberosTime(timestamp(seconds))
}
