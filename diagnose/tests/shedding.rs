//! What is not decoded so that limits are kept: in which order, that it is told, and that Kerberos stays.

use std::{fs, path::Path, time::Duration};

use diagnose::{Report, Session};
use trace::{Governor, Limits, Meter, Settings, Usage};

/// So much memory at each tick, in percent of the limit; the last for all later ones.
struct Scripted {
    percent: std::vec::IntoIter<u64>,
    last: u64,
}

impl Meter for Scripted {
    fn read(&mut self) -> Option<Usage> {
        self.last = self.percent.next().unwrap_or(self.last);
        Some(Usage { memory: self.last * LIMIT / 100, busy: Duration::ZERO, passed: Duration::ZERO })
    }
}

const LIMIT: u64 = 1 << 30;

fn report(capture: &Path, percent: &[u64]) -> Report {
    report_of(capture, percent, true)
}

fn report_of(capture: &Path, percent: &[u64], is_live: bool) -> Report {
    let mut source = capture::open(&[capture]).expect("the sample can be opened");
    let mut session = Session::new(Settings { shards: 2 });
    if !percent.is_empty() {
        let meter = Scripted { percent: Vec::from(percent).into_iter(), last: 0 };
        let limits = Limits { memory: Some(LIMIT), cpu: None };
        session.govern(Governor::new(limits, Box::new(meter), Box::new(drop)));
    }
    let ended =
        if is_live { session.run_live(&mut source, 64, |_, _| {}) } else { session.run(&mut source, 64, |_| {}) };
    ended.expect("the sample can be read");
    session.report().collected()
}

fn sample(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(name).join("capture.pcap")
}

/// Number, who, how, and how it ended as far as Kerberos tells.
fn logons(report: &Report) -> Vec<String> {
    let line = |logon: &diagnose::LogonReport| {
        format!("{} {} {:?} {} {}", logon.id, logon.client, logon.principal, logon.method, logon.outcome)
    };
    report.logons.iter().map(line).collect()
}

#[test]
fn every_sign_in_survives_until_kerberos_goes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let (mut kept, mut packets) = (0, 0);
    for entry in fs::read_dir(folder).expect("samples exist") {
        let path = entry.expect("readable").path().join("capture.pcap");
        if !path.exists() {
            continue;
        }
        let (whole, shed) = (report(&path, &[]), report(&path, &[99]));
        let kerberos = |report: &Report| report.capture.messages.get("kerberos").copied().unwrap_or_default();
        // Kerberos inside of SMB and LDAP goes with what carries it.
        assert!(kerberos(&shed) <= kerberos(&whole));
        assert_eq!(logons(&whole), logons(&shed), "{}", path.display());
        kept += shed.logons.len();
        packets += shed.capture.shed.values().map(|shed| shed.packets).sum::<u64>();
        assert!(!shed.capture.shed.contains_key("kerberos"), "{}", path.display());
    }
    assert!(kept > 50 && packets > 500, "{kept} sign-ins, {packets} packets left out");
}

#[test]
fn classes_go_in_the_stated_order_and_come_back() {
    let path = sample("five-workstations");
    let order = ["web", "smb", "ldap", "locating", "kerberos"];
    for (class, percent) in [80, 85, 90, 95, 100].into_iter().enumerate() {
        let report = report(&path, &[percent]);
        let shed: Vec<_> = order.into_iter().filter(|name| report.capture.shed.contains_key(name)).collect();
        assert!(shed.iter().all(|name| order[..=class].contains(name)), "{percent} %: {shed:?}");
        let told = report.findings.iter().any(|finding| finding.code == "CAP-02");
        assert_eq!(told, !shed.is_empty(), "{percent} %: {shed:?}");
    }
    let all = report(&path, &[100]);
    assert!(all.capture.shed.contains_key("kerberos") && all.capture.shed.contains_key("locating"));
    let back = report(&path, &[100, 10]);
    let packets = |report: &Report| report.capture.shed.values().map(|shed| shed.packets).sum::<u64>();
    assert!(packets(&back) > 0 && packets(&back) < packets(&all));
    assert_eq!(packets(&report(&path, &[79])), 0);
    assert_eq!(all.capture.packets, report(&path, &[]).capture.packets, "what is left out was there");
}

#[test]
fn a_file_is_read_within_the_same_limits() {
    let path = sample("five-workstations");
    // All of what it holds is decoded; without LDAP; nothing.
    for percent in [79, 90, 100] {
        let [live, file] = [true, false].map(|is_live| report_of(&path, &[percent], is_live).capture.shed);
        assert_eq!(format!("{live:?}"), format!("{file:?}"), "{percent} %");
        assert_eq!(file.is_empty(), percent == 79, "{percent} %");
    }
}
