//! Events to logons.
//!
//! [`Decoding`] runs the decoders over batches of packets, in parallel, and gives back events in one order that
//! depends on nothing but the packets. [`Tracer`] adds what happened: it pairs requests with replies, finds whose
//! they are, and joins them into [`Logon`]s and [`Facts`]. It says what happened, never what it means.

pub mod cloud;
mod credential;
mod exchange;
mod facts;
mod group;
mod hashed;
mod kept;
mod locate;
mod logon;
mod pack;
mod pair;
pub mod percentile;
mod ping;
mod ports;
mod refused_bind;
#[cfg(feature = "script")]
pub mod script;
mod session;
mod shedding;
mod spot;
mod subject;
mod tickets;
mod tracer;
mod visibility;

pub use cloud::Cloud;
pub use credential::{Credentials, KEY_ATTRIBUTE, KeyObject, KeyRead, KeyWrite, Statement, Tie};
pub use exchange::{Exchange, Fate, Silence, Undelivered};
pub use facts::{
    CertificateSeen, DomainController, Facts, Holder, Issuance, KeyUse, Located, NtlmUse, OnKeys, RefusedOnly,
    RefusedPkinit, TicketsOf, Timed, UsualTimes, When,
};
pub use group::Grouper;
pub use kept::{Logons, Released};
pub use locate::{Locator, Lookup, LookupAnswer, WithoutAddress};
pub use logon::{Attempt, Logon, LogonId, Method, Outcome, Reached, Step, StepKind};
pub use ping::{Ping, PingAnswer, Pings};
pub use ports::{DC_PORTS, PortUse, Ports, Unanswered};
pub use refused_bind::{Reason, RefusedBind, RefusedBinds, SYNC_ACCOUNT};
pub use session::{Service, Session, SessionAnswer, SessionProof};
pub use shedding::{Class, Governor, Level, Limits, Meter, Shed, Usage};
pub use spot::Spot;
pub use subject::Principal;
pub use tracer::{Decoding, Settings, Tracer};
pub use visibility::{ClockOffset, Visibility};
