//! Which rules no sample makes fire, and why: a rule that was never seen to work on real packets is known to be one.

use std::{collections::BTreeSet, fs, path::Path};

use diagnose::{CATALOGUE, Session};
use trace::Settings;

/// Rules that no sample shows, by code.
const WITHOUT_A_SAMPLE: &[(&str, &str)] = &[
    ("ACC-04", "no expired account was recorded"),
    ("ACC-05", "no account with limited hours was recorded"),
    ("ACC-07", "no account that must use a card was recorded with a password"),
    ("ACC-08", "no authentication policy was recorded"),
    ("ACC-10", "no second domain was recorded"),
    ("ACC-11", "no directory with two accounts of one name was recorded"),
    ("CAP-05", "every domain controller that recordings name speaks in them"),
    ("CLD-03", "no registration host was out of reach in a recording"),
    ("CLD-04", "no device was refused that showed its certificate in TLS 1.2"),
    ("CLD-05", "there is no federation service in the lab"),
    ("CLD-07", "no client that mixes the two models was recorded"),
    ("CLD-08", "no agent was recorded"),
    ("CLD-09", "no TPM was attested in a recording"),
    ("CLD-10", "no device management was recorded"),
    ("DCC-02", "in no recording does one domain controller grant PKINIT and another refuse it with 16"),
    ("DCC-04", "the lab's certificates end in a year or have ended"),
    ("DCC-05", "no certificate that is not yet valid was recorded"),
    ("DCC-08", "the lab's CA writes no template"),
    ("DCC-11", "no client that refused a certificate tried again and was recorded for half a minute after"),
    ("DCC-12", "no computer joined to Entra only was recorded"),
    ("DCC-13", "no domain controller changed its certificate during a recording"),
    ("DCC-14", "no recording has two domain controllers whose certificates differ in kind"),
    ("DCC-15", "no KDC was recorded that misses the certificate a client wants"),
    ("DCC-16", "no recording has both PKINIT and LDAP over TLS with the same domain controller"),
    ("KEY-01", "the only refusals with 75 that were recorded are about names, which KEY-09 says"),
    ("KEY-03", "no key was refused in a recording in which the directory was read in clear"),
    ("KEY-04", "the one refused key that had been written in clear was refused for a name, which KEY-09 says"),
    ("KEY-06", "no domain controller with that fault was recorded: MIT KDCs say 66 where it says 75"),
    ("KEY-08", "no key that worked was deleted during a recording"),
    ("KEY-12", "no key was refused with 62 that had been written or read in clear"),
    ("KEY-13", "no request with an invalid signature was recorded"),
    ("KEY-18", "no certificate without digitalSignature was recorded"),
    ("LOC-03", "no public resolver was asked in a recording"),
    ("LOC-04", "no domain controller without an address was recorded"),
    ("LOC-05", "no client was recorded that looks for a domain controller by pings"),
    ("LOC-06", "no client was recorded that looks for a domain controller by pings"),
    ("LOC-07", "no client was recorded that looks for a domain controller by pings"),
    ("LOC-08", "the lab has one site"),
    ("LOC-09", "no client was recorded that looks for a domain controller by pings"),
    ("LOC-10", "no client with cloud Kerberos trust was recorded"),
    ("NET-04", "TCP always worked after UDP did not suffice"),
    ("NET-05", "no client that sends large requests over UDP in vain was recorded"),
    ("NET-06", "no domain controller was recorded with some of its ports blocked"),
    ("NET-07", "no computer outside was recorded that looks for its domain"),
    ("NET-08", "there is no KDC proxy in the lab"),
    ("NET-09", "no domain controller of the lab was slow"),
    ("PKI-03", "no CRL that is out of date was recorded"),
    ("PKI-04", "no delta CRL was recorded"),
    ("PKI-05", "no KDC was recorded that says that it cannot check a certificate"),
    ("PKI-11", "no OCSP responder that condemns a certificate was recorded"),
    ("POL-01", "no token was recorded that was too old"),
    ("POL-02", "no client without freshness tokens was recorded where they are required"),
    ("POL-03", "no KDC that refuses a digest was recorded"),
    ("POL-04", "no KDC that demands the checksum was recorded"),
    ("POL-06", "no KDC that refuses RSA mode was recorded"),
    ("POL-07", "no KDC that refuses armor was recorded"),
    ("POL-10", "no capture can show it"),
    ("SYN-01", "no recorded client has certificates that Windows Hello made"),
    ("SYN-03", "no Entra Connect was recorded"),
    ("SYN-04", "the account that wrote keys was always allowed to"),
    ("SYN-05", "no Entra Connect was recorded"),
    ("SYN-06", "no Entra Connect was recorded"),
    ("SYN-07", "no keys that worked were deleted during a recording"),
    ("SYN-08", "no directory with an old schema was recorded"),
    ("TIM-05", "no replayed request was recorded"),
    ("TKT-04", "no revoked ticket was recorded"),
    ("TKT-06", "no client was recorded that turns to NTLM"),
    ("TKT-07", "no client with Credential Guard was recorded"),
    ("TKT-09", "no client asked for ticket after ticket"),
];

fn codes_found() -> BTreeSet<&'static str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("samples exist") {
        let path = entry.expect("readable").path().join("capture.pcap");
        if !path.exists() {
            continue;
        }
        let mut source = capture::open(&[path]).expect("the sample can be opened");
        let mut session = Session::new(Settings { shards: 1 });
        session.run(&mut source, capture::Batch::DEFAULT_PACKETS, |_| {}).expect("the sample can be read");
        found.extend(session.report().findings.iter().map(|finding| finding.code));
    }
    found
}

#[test]
fn every_rule_fires_on_a_sample_or_says_why_not() {
    let found = codes_found();
    let silent: Vec<&str> = CATALOGUE.iter().map(|rule| rule.code).filter(|code| !found.contains(code)).collect();
    println!("{} of {} rules never fire on a sample: {silent:?}", silent.len(), CATALOGUE.len());
    let named: Vec<&str> = WITHOUT_A_SAMPLE.iter().map(|(code, _)| *code).collect();
    for code in &silent {
        assert!(named.contains(code), "{code} fires on no sample, and no reason is given");
    }
    for code in named {
        assert!(silent.contains(&code), "{code} does fire on a sample: take it off the list");
    }
}
