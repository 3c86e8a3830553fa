//! Who was refused at the directory or by a KDC because its account or password is not right, where that may be the
//! account with which Entra Connect synchronises.

use std::{collections::BTreeMap, net::IpAddr};

use capture::CaptureTime;
use decode::{
    Path, Seen,
    kerberos::ErrorCode,
    ldap::{Outcome, ResultCode},
};

/// The account that Entra Connect makes for itself begins so.
pub const SYNC_ACCOUNT: &str = "msol_";

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedBind {
    /// The answer.
    pub seen: Seen,
    /// Who refused.
    pub server: IpAddr,
    /// Why.
    pub reason: Reason,
}

/// Why a bind or a ticket was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// LDAP result 49, with the error of Windows in its text (`data 52e`) if there is one.
    Credentials(Option<u32>),
    /// A KDC's error.
    Kerberos(ErrorCode),
}

/// Refused binds by client.
#[derive(Debug, Default)]
pub struct RefusedBinds {
    by_client: BTreeMap<IpAddr, Vec<RefusedBind>>,
    /// When such a client was let in, at most one a second.
    let_in: BTreeMap<IpAddr, Vec<CaptureTime>>,
    kept: usize,
    beyond: u64,
}

impl RefusedBinds {
    /// Refusals kept, and as many times of being let in. Programs with a wrong password try for ever.
    pub const MAX: usize = 10_000;

    /// Takes in the answer to a bind.
    pub(crate) fn bind(&mut self, outcome: &Outcome, path: Path, seen: Seen) {
        let client = path.destination.address;
        match outcome.code {
            Some(ResultCode::SUCCESS) => self.let_in(client, seen.at),
            Some(ResultCode::INVALID_CREDENTIALS) => {
                let data = outcome.ad_error().and_then(|error| error.data);
                self.push(client, RefusedBind { seen, server: path.source.address, reason: Reason::Credentials(data) });
            }
            _ => {}
        }
    }

    /// Takes in a KDC's error to a request for a ticket in this client name, in lower case.
    pub(crate) fn refused(&mut self, name: &str, client: IpAddr, server: IpAddr, code: ErrorCode, seen: Seen) {
        if name.starts_with(SYNC_ACCOUNT) {
            self.push(client, RefusedBind { seen, server, reason: Reason::Kerberos(code) });
        }
    }

    fn push(&mut self, client: IpAddr, refused: RefusedBind) {
        if self.kept >= Self::MAX {
            self.beyond += 1;
            return;
        }
        self.kept += 1;
        self.by_client.entry(client).or_default().push(refused);
    }

    fn let_in(&mut self, client: IpAddr, at: CaptureTime) {
        // Nearly all clients are never refused.
        if !self.by_client.contains_key(&client) || self.kept >= Self::MAX {
            return;
        }
        let times = self.let_in.entry(client).or_default();
        if times.last().is_none_or(|last| last.seconds() != at.seconds()) {
            times.push(at);
            self.kept += 1;
        }
    }

    /// Clients that were refused, in order of address.
    pub fn clients(&self) -> impl Iterator<Item = IpAddr> {
        self.by_client.keys().copied()
    }

    /// Refusals of a client, in order.
    pub fn of(&self, client: IpAddr) -> &[RefusedBind] {
        self.by_client.get(&client).map_or(&[], Vec::as_slice)
    }

    /// Whether the client was let in by LDAP within `seconds` after `at`.
    pub fn let_in_after(&self, client: IpAddr, at: CaptureTime, seconds: i64) -> bool {
        let times = self.let_in.get(&client).map_or(&[] as &[CaptureTime], Vec::as_slice);
        times.iter().any(|time| (0..=seconds * CaptureTime::SECOND).contains(&time.since(at)))
    }

    /// Refusals that were not kept.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }
}
