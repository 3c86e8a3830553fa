//! What every origin of packets offers, files and devices alike. Nothing after it can tell which it was.

use std::fmt;

use crate::{Batch, CaptureError, InputId, PacketId};

/// An origin of packets.
pub trait Source: Send {
    /// Clears `batch` and fills it with the next packets, all within one tick of capture time.
    ///
    /// The batch ends where the clock of the capture passes a whole second; the next batch then starts with
    /// that tick. Where a batch ends otherwise (its size) must not matter to anyone. A batch that carries damage ends
    /// with it, so its place among the packets is plain.
    ///
    /// # Errors
    /// Only what makes going on impossible, such as a failing disk. Damage in the data is not an error.
    fn fill(&mut self, batch: &mut Batch) -> Result<Progress, CaptureError>;

    /// The names of the inputs, as the user gave them; [`InputId`] counts through them.
    fn inputs(&self) -> &[String];

    /// How far reading has come, for a progress bar.
    fn position(&self) -> Position;

    /// What was lost so far, by the inputs' own account.
    fn losses(&self) -> Losses;
}

/// What a call of [`Source::fill`] achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The batch holds something, and more may follow.
    More,
    /// Nothing came for now. Files say this only while they are followed.
    Idle,
    /// The last batch: nothing follows it. It may hold packets.
    End,
}

/// Bytes read so far, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Position {
    /// Bytes taken from the inputs (as they lie on disk, before decompression).
    pub read: u64,
    /// Sum of the inputs' sizes; `None` when one of them is a pipe.
    pub total: Option<u64>,
}

/// What was on the wire and is not in the capture, by the counters of who recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Losses {
    /// Dropped by the interface (pcapng `isb_ifdrop`).
    pub by_interface: u64,
    /// Dropped by the operating system for want of buffers (pcapng `isb_osdrop`).
    pub by_system: u64,
    /// Left out on purpose: bulk behind the beginning of connections to web and SMB ports. Nothing else is among them,
    /// so they make no silence elsewhere doubtful.
    pub thinned: u64,
    /// How often the interface was away while it was to be recorded from. How many packets that cost is not known.
    pub interruptions: u64,
}

impl Losses {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            by_interface: self.by_interface.saturating_add(other.by_interface),
            by_system: self.by_system.saturating_add(other.by_system),
            thinned: self.thinned.saturating_add(other.thinned),
            interruptions: self.interruptions.saturating_add(other.interruptions),
        }
    }

    /// Packets that nobody wanted to lose.
    pub fn dropped(self) -> u64 {
        self.by_interface.saturating_add(self.by_system)
    }
}

/// A place where an input is not what its format says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The input.
    pub input: InputId,
    /// Its name, as the user gave it.
    pub name: String,
    /// The last packet read before it, from this input; `None` when there was none.
    pub after: Option<PacketId>,
    /// Offset in the (decompressed) input where it begins, in bytes.
    pub offset: u64,
    /// What is wrong there, as a clause: `the file ends in the middle of a packet`.
    pub what: String,
    /// What became of the rest of the input.
    pub then: Aftermath,
}

/// What became of an input after damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// Nothing behind the damage could be read.
    Stopped,
    /// Reading went on at a later offset.
    Resumed {
        /// Bytes that were passed over.
        skipped: u64,
    },
}

/// `x.pcap: the file ends in the middle of a packet at byte 3456, after packet 12; what came before it was read`.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at byte {}", self.name, self.what, self.offset)?;
        match self.after {
            Some(packet) => write!(f, ", after packet {}", packet.number)?,
            None => f.write_str(", before the first packet")?,
        }
        match self.then {
            Aftermath::Stopped => f.write_str("; what came before it was read"),
            Aftermath::Resumed { skipped } => write!(f, "; {skipped} bytes were skipped"),
        }
    }
}
