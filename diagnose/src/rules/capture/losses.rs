//! CAP-02.

use trace::Facts;

use crate::{Confidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// Packets, or parts of them, are missing from the capture: the recorder dropped them, kept only the beginning of
    /// each, or the file is damaged. What this program concludes from an answer that did not come is switched off where
    /// it matters, and messages that were cut cannot be read.
    ///
    /// ## How we know
    ///
    /// The recorder's own counters say so; or it says that its interface was away meanwhile; or `--max-memory` or
    /// `--max-cpu` was reached, and this program counted what it left out; or a peer acknowledged bytes that the
    /// capture does not hold, or the rest of a message or of a fragmented packet is not in it (what a peer shows not to
    /// have got either does not count: see NET-05); or the file breaks off or holds what no capture file may; or
    /// Kerberos messages end where the recorder stopped keeping bytes (snap length), or in packets that are shorter
    /// than they say themselves, as mirrors that truncate leave them. PKINIT messages are long and are the first to
    /// suffer from that.
    ///
    /// ## What to do
    ///
    /// 1. Keep whole packets: `tcpdump -s 0 -w logon.pcap port 88`, `pktmon start --capture --pkt-size 0`, or
    ///    `netsh trace start capture=yes packettruncatebytes=0`.
    /// 2. Capture less: `port 88 or port 53 or port 389 or icmp` is enough for sign-ins.
    /// 3. Give the recorder a bigger buffer: `tcpdump -B 65536`, `dumpcap -B 64`.
    /// 4. If a mirror port is overloaded, mirror fewer interfaces, or capture on the domain controller.
    ///
    /// ## Sources
    ///
    /// The capture.
    pub static LOSSY_CAPTURE = {
        code: "CAP-02",
        title: "packets are missing from the capture",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Capture(check),
    };
}

fn check(facts: &Facts) -> Verdict {
    let visibility = &facts.visibility;
    let mut said: Vec<String> = Vec::new();
    let dropped = visibility.losses.dropped();
    if dropped > 0 {
        said.push(format!("the recorder dropped {}", counted(dropped, "packet")));
    }
    if visibility.losses.interruptions > 0 {
        said.push(format!("the interface was away {}", counted(visibility.losses.interruptions, "time")));
    }
    for (class, shed) in &visibility.shed {
        said.push(format!("{} of {} not decoded, to keep the limits", counted(shed.packets, "packet"), class.words()));
    }
    let missing = visibility.missing_parts();
    if missing > 0 {
        said.push(format!(
            "{} of what was said {} not there",
            counted(missing, "part"),
            if missing == 1 { "is" } else { "are" }
        ));
    }
    if visibility.damage > 0 {
        said.push(format!("the file is damaged at {}", counted(visibility.damage, "place")));
    }
    let cut = visibility.kerberos_cut();
    if cut > 0 {
        let packets = match visibility.cut_at {
            Some(bytes) => format!("packets are cut at {bytes} bytes"),
            None => "packets are shorter than they say".to_owned(),
        };
        said.push(format!("{packets}, and with them {}: PKINIT cannot be read", counted(cut, "Kerberos message")));
    }
    if !said.is_empty() {
        return Found::new(Confidence::Proven, Subject::Capture, said.join("; ")).into();
    }
    if facts.finished() { Verdict::Clear } else { Verdict::Pending }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::LOSSY_CAPTURE;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_when_bytes_are_missing() {
        let finding = found(
            &LOSSY_CAPTURE,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  hole
            0.005 dc > pc  hole
        ",
        );
        assert_eq!(finding.found.summary, "2 parts of what was said are not there");
    }

    #[test]
    fn clear_when_they_were_missing_on_the_wire() {
        clear(
            &LOSSY_CAPTURE,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  hole lost
            30             end
        ",
        );
    }

    #[test]
    fn found_when_kerberos_is_cut_short() {
        let finding = found(
            &LOSSY_CAPTURE,
            "
            0.000 pc > dc  cut
        ",
        );
        assert_eq!(
            finding.found.summary,
            "packets are shorter than they say, and with them 1 Kerberos message: PKINIT cannot be read"
        );
    }

    #[test]
    fn found_when_a_limit_was_kept() {
        let finding = found(
            &LOSSY_CAPTURE,
            "
            0.000 pc > dc  as-req alice
            0.004 shed smb
            0.004 shed web
        ",
        );
        let expected = "1 packet of TLS and HTTP not decoded, to keep the limits; \
                        1 packet of SMB and RPC not decoded, to keep the limits";
        assert_eq!(finding.found.summary, expected);
    }

    #[test]
    fn clear_when_everything_is_there() {
        clear(
            &LOSSY_CAPTURE,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 25 padata 16,2
        ",
        );
    }

    #[test]
    fn pending_while_the_capture_goes_on() {
        pending(
            &LOSSY_CAPTURE,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 25 padata 16,2
            1.000          open
        ",
        );
    }
}
