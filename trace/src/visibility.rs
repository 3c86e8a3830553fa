//! What this capture could have shown: directions, holes, drops. Rules that argue from silence ask here first.

use std::collections::BTreeMap;

use capture::{Aftermath, CaptureTime, Damage, Losses};
use decode::{Event, GapKind, KDC_PORT, Message, Protocol, decoder::Counted, wire::Unread};

use crate::{Class, Shed};

/// What the capture covers.
#[derive(Clone, Debug, Default)]
pub struct Visibility {
    /// Packets read.
    pub packets: u64,
    /// Those of them that were copies of others, recorded at another place, and not counted again in anything else.
    pub copies: u64,
    /// How the clocks of the inputs differ, by packets that several of them hold.
    pub clocks: Vec<ClockOffset>,
    /// Bytes of packets read, as captured.
    pub bytes: u64,
    /// Capture time of the first packet in arrival order.
    pub first: Option<CaptureTime>,
    /// Latest capture time reached.
    pub last: Option<CaptureTime>,
    /// The latest capture time that is known to have passed, with or without a packet.
    pub now: Option<CaptureTime>,
    /// Packets dropped, by the recorder's own counters.
    pub losses: Losses,
    /// Packets that were there and were not decoded, so that this program keeps its limits. No entry has none.
    pub shed: BTreeMap<Class, Shed>,
    /// Number of places where an input is damaged.
    pub damage: u64,
    /// Those of them behind which reading went on, so that packets in between are missing.
    pub skipped: u64,
    /// The first of them, at most [`Visibility::MAX_DAMAGES`].
    pub damages: Vec<Damage>,
    /// Packets of which only the beginning was kept.
    pub cut_packets: u64,
    /// The largest number of bytes kept of any of them: the snap length.
    pub cut_at: Option<u32>,
    /// Things not decoded, by protocol and reason.
    pub gaps: BTreeMap<(Protocol, GapKind), u64>,
    /// Decoded messages by protocol.
    pub messages: BTreeMap<Protocol, u64>,
    /// Conversations with a KDC of which it is certain that both sides spoke.
    pub conversations: u64,
    /// Those of them of which the capture holds one side only.
    pub one_sided: u64,
    /// Link types that could not be read, and how many packets each.
    pub unread_links: BTreeMap<u16, u64>,
    /// What kept packets from being read down to TCP, UDP or ICMP, those link types included, and how many packets
    /// each.
    pub unread: BTreeMap<Unread, u64>,
    /// Whether the capture has ended: nothing will be added.
    pub finished: bool,
}

/// How the clock of one input differs from that of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// Its place among the inputs, from 0.
    pub input: u16,
    /// Nanoseconds that it is ahead; negative where it is behind. Its times are put back by this.
    pub ahead: i64,
    /// Packets compared.
    pub packets: u64,
}

impl Visibility {
    /// Share of one-sided conversations from which a capture counts as one-sided, in percent (CAP-01).
    pub const ONE_SIDED_PERCENT: u64 = 80;

    /// Descriptions of damage kept.
    pub const MAX_DAMAGES: usize = 16;

    /// Takes an event into account. Conversations over UDP are for whoever pairs requests with replies.
    pub fn note(&mut self, event: &Event) {
        match &event.message {
            Message::Gap(gap) => *self.gaps.entry((gap.protocol, gap.kind)).or_default() += 1,
            Message::Damage(damage) => {
                self.damage += 1;
                self.skipped += u64::from(damage.then != Aftermath::Stopped);
                if self.damages.len() < Self::MAX_DAMAGES {
                    self.damages.push(damage.as_ref().clone());
                }
            }
            // A sealed buffer says that there was something, and nothing of what.
            Message::Ldap(message) if message.is_sealed() => {
                *self.gaps.entry((Protocol::Ldap, GapKind::Encrypted)).or_default() += 1;
            }
            message => *self.messages.entry(message.protocol()).or_default() += 1,
        }
        if let (Message::Connection(connection), Some(path)) = (&event.message, event.path)
            && path.destination.port == KDC_PORT
            && connection.bytes_to_server + connection.bytes_to_client > 0
        {
            self.conversations += 1;
            self.one_sided += u64::from(connection.directions_seen != (true, true));
        }
    }

    /// Adds the messages and gaps that were counted in `other`, and empties those counts there.
    pub(crate) fn take_counts(&mut self, other: &mut Self) {
        for (protocol, count) in std::mem::take(&mut other.messages) {
            *self.messages.entry(protocol).or_default() += count;
        }
        for (gap, count) in std::mem::take(&mut other.gaps) {
            *self.gaps.entry(gap).or_default() += count;
        }
    }

    /// Adds messages and gaps that were counted where they were read.
    pub(crate) fn count(&mut self, counted: Counted) {
        let Counted { dns, ldap, sealed } = counted;
        for (protocol, count) in [(Protocol::Dns, dns), (Protocol::Ldap, ldap)] {
            if count > 0 {
                *self.messages.entry(protocol).or_default() += count;
            }
        }
        if sealed > 0 {
            *self.gaps.entry((Protocol::Ldap, GapKind::Encrypted)).or_default() += sealed;
        }
    }

    /// Whether only one direction was captured.
    pub fn is_one_sided(&self) -> bool {
        self.conversations > 0 && self.one_sided * 100 >= self.conversations * Self::ONE_SIDED_PERCENT
    }

    /// Whether packets are missing from the capture where a sign-in could have been. A connection to the directory that
    /// the capture joins in its middle is no loss.
    pub fn is_lossy(&self) -> bool {
        let elsewhere = |protocol: Protocol| matches!(protocol, Protocol::Ldap | Protocol::Cldap) || is_bulk(protocol);
        let missing = |(protocol, kind): &(Protocol, GapKind)| *kind == GapKind::Missing && !elsewhere(*protocol);
        // A ticket is used in SMB and LDAP, so a sign-in shows there too.
        self.misses(&[Class::Kerberos, Class::Ldap, Class::Smb]) || self.gaps.keys().any(missing)
    }

    /// How many parts of conversations are missing from the capture. Those of protocols that move files do not count: a
    /// capture nearly always joins some in the middle of a transfer.
    pub fn missing_parts(&self) -> u64 {
        let counts = |(protocol, kind): &(Protocol, GapKind)| *kind == GapKind::Missing && !is_bulk(*protocol);
        self.gaps.iter().filter(|(key, _)| counts(key)).map(|(_, count)| count).sum()
    }

    /// Whether packets that nothing else tells of may be missing: dropped by the recorder, sent while its interface was
    /// away, or skipped with damage.
    ///
    /// An input that breaks off is complete up to there: it has ended early, and that is all.
    pub fn has_drops(&self) -> bool {
        self.losses.dropped() > 0 || self.losses.interruptions > 0 || self.skipped > 0
    }

    /// Whether packets of these classes may be missing that nothing else tells of: as [`Visibility::has_drops`] says,
    /// or because this program left them out.
    pub fn misses(&self, classes: &[Class]) -> bool {
        self.has_drops() || classes.iter().any(|class| self.shed.contains_key(class))
    }

    /// Whether Kerberos was cut short by the snap length.
    pub fn kerberos_cut(&self) -> u64 {
        self.gaps.get(&(Protocol::Kerberos, GapKind::CutShort)).copied().unwrap_or(0)
    }

    /// Seconds of capture time from `since` to now.
    pub fn seconds_since(&self, since: CaptureTime) -> i64 {
        self.now.map_or(0, |now| now.since(since) / CaptureTime::SECOND)
    }
}

/// Whether sessions of this protocol mostly move data that is passed over.
fn is_bulk(protocol: Protocol) -> bool {
    use Protocol::{Dcerpc, Http, Smb, Smb2, Tds, Tls};
    matches!(protocol, Smb | Smb2 | Dcerpc | Tds | Tls | Http)
}

#[cfg(test)]
mod tests {
    use decode::{GapKind, Protocol};

    use capture::CaptureTime;

    use super::{Class, Shed, Visibility};

    #[test]
    fn what_is_missing_of_a_file_transfer_is_no_loss() {
        let mut visibility = Visibility::default();
        visibility.gaps.insert((Protocol::Smb2, GapKind::Missing), 3);
        assert_eq!((visibility.missing_parts(), visibility.is_lossy()), (0, false));
        visibility.gaps.insert((Protocol::Kerberos, GapKind::Missing), 2);
        visibility.gaps.insert((Protocol::Kerberos, GapKind::Undecodable), 5);
        assert_eq!((visibility.missing_parts(), visibility.is_lossy()), (2, true));
    }

    #[test]
    fn what_was_left_out_makes_its_own_class_doubtful() {
        let shed = Shed { packets: 1, seconds: 1, first: CaptureTime(0), last: CaptureTime(0) };
        let mut visibility = Visibility::default();
        visibility.shed.insert(Class::Web, shed);
        assert!(visibility.misses(&[Class::Web]));
        assert!(!visibility.misses(&[Class::Kerberos, Class::Locating]) && !visibility.is_lossy());
        visibility.shed.insert(Class::Smb, shed);
        assert!(visibility.is_lossy() && !visibility.has_drops());
    }
}
