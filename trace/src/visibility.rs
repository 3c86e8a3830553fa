//! What this capture could have shown: directions, holes, drops. Rules that argue from silence ask here first.

use std::collections::BTreeMap;

use capture::{Aftermath, CaptureTime, Damage, Losses};
use decode::{Event, GapKind, KDC_PORT, Message, Protocol};

/// What the capture covers.
#[derive(Clone, Debug, Default)]
pub struct Visibility {
    /// Packets read.
    pub packets: u64,
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
    /// Whether the capture has ended: nothing will be added.
    pub finished: bool,
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

    /// Whether only one direction was captured.
    pub fn is_one_sided(&self) -> bool {
        self.conversations > 0 && self.one_sided * 100 >= self.conversations * Self::ONE_SIDED_PERCENT
    }

    /// Whether packets are missing from the capture where a sign-in could have been. A connection to the directory that the
    /// capture joins in its middle is no loss.
    pub fn is_lossy(&self) -> bool {
        let elsewhere = |protocol: Protocol| matches!(protocol, Protocol::Ldap | Protocol::Cldap);
        let missing = |(protocol, kind): &(Protocol, GapKind)| *kind == GapKind::Missing && !elsewhere(*protocol);
        self.has_drops() || self.gaps.keys().any(missing)
    }

    /// Whether packets that nothing else tells of may be missing: dropped by the recorder, sent while its interface was
    /// away, or skipped with damage.
    ///
    /// An input that breaks off is complete up to there: it has ended early, and that is all.
    pub fn has_drops(&self) -> bool {
        self.losses.dropped() > 0 || self.losses.interruptions > 0 || self.skipped > 0
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
