//! Which request a reply answers.
//!
//! KRB-ERROR, AS-REP and TGS-REP carry no identifier of their request: the flow pairs them, in order. RFC 4120 §7.2.

use std::collections::BTreeMap;

use capture::CaptureTime;
use decode::{FlowKey, kerberos::KdcRequest};

/// An exchange by its place: index of the logon, index within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) logon: usize,
    pub(crate) exchange: usize,
}

/// An exchange that has no reply yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) place: Place,
    pub(crate) last_sent: CaptureTime,
}

/// Exchanges without a reply, by flow.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    waiting: BTreeMap<FlowKey, Vec<Waiting>>,
}

impl Pairing {
    /// How long a reply is still matched with its request, in seconds: well beyond any client's patience.
    const FORGET_AFTER_SECONDS: i64 = 120;
    /// Requests waiting on one flow; more than that is not a Kerberos client.
    const MAX_PER_FLOW: usize = 64;

    /// Notes a request.
    pub(crate) fn ask(&mut self, flow: FlowKey, place: Place, at: CaptureTime) {
        let list = self.waiting.entry(flow).or_default();
        if list.len() >= Self::MAX_PER_FLOW {
            list.remove(0);
        }
        list.push(Waiting { place, last_sent: at });
    }

    /// Requests waiting on this flow, oldest first.
    pub(crate) fn on(&mut self, flow: &FlowKey) -> &mut [Waiting] {
        self.waiting.get_mut(flow).map_or(&mut [], Vec::as_mut_slice)
    }

    /// Takes the oldest request on this flow that `fits`.
    pub(crate) fn take(&mut self, flow: &FlowKey, mut fits: impl FnMut(Place) -> bool) -> Option<Place> {
        let list = self.waiting.get_mut(flow)?;
        let index = list.iter().position(|waiting| fits(waiting.place))?;
        let place = list.remove(index).place;
        if list.is_empty() {
            self.waiting.remove(flow);
        }
        Some(place)
    }

    /// Calls `late` for every request that has waited `seconds`, and forgets the oldest.
    pub(crate) fn tick(&mut self, now: CaptureTime, seconds: i64, mut late: impl FnMut(Place)) {
        self.waiting.retain(|_, list| {
            list.retain(|waiting| {
                let waited = now.since(waiting.last_sent);
                if waited >= seconds * CaptureTime::SECOND {
                    late(waiting.place);
                }
                waited < Self::FORGET_AFTER_SECONDS * CaptureTime::SECOND
            });
            !list.is_empty()
        });
    }
}

/// Whether two requests are the same one, sent again.
pub(crate) fn is_same_request(one: &KdcRequest, other: &KdcRequest) -> bool {
    one.stage == other.stage
        && one.nonce == other.nonce
        && one.cname == other.cname
        && one.sname == other.sname
        && one.padata == other.padata
}
