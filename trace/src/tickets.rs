//! Which logon a ticket belongs to.

use std::collections::VecDeque;

use decode::kerberos::TicketId;

use crate::hashed::HashMap;

/// Tickets whose issue was seen, with the index of their logon.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    logons: HashMap<TicketId, usize>,
    /// In the order in which they were seen.
    order: VecDeque<TicketId>,
    is_lossy: bool,
}

impl Tickets {
    /// Tickets kept: those of two hours of a large site, whose clients ask for most services right after they sign in.
    /// Beyond it the oldest go.
    const MAX_TICKETS: usize = 250_000;

    /// Notes a ticket.
    pub(crate) fn note(&mut self, ticket: TicketId, logon: usize) {
        if self.logons.insert(ticket, logon).is_some() {
            return;
        }
        self.order.push_back(ticket);
        if self.order.len() > Self::MAX_TICKETS
            && let Some(oldest) = self.order.pop_front()
        {
            self.logons.remove(&oldest);
            self.is_lossy = true;
        }
    }

    /// The logon that a ticket belongs to.
    pub(crate) fn logon_of(&self, ticket: TicketId) -> Option<usize> {
        self.logons.get(&ticket).copied()
    }

    /// Whether a ticket that is not known may be one that went.
    pub(crate) fn is_lossy(&self) -> bool {
        self.is_lossy
    }
}

#[cfg(test)]
mod tests {
    use decode::kerberos::TicketId;

    use super::Tickets;

    #[test]
    fn beyond_the_limit_the_oldest_ticket_goes() {
        let mut tickets = Tickets::default();
        for id in 0..Tickets::MAX_TICKETS as u64 {
            tickets.note(TicketId(id), 7);
            tickets.note(TicketId(id), 8);
        }
        assert_eq!((tickets.logon_of(TicketId(0)), tickets.is_lossy()), (Some(8), false));
        tickets.note(TicketId(u64::MAX), 9);
        assert_eq!((tickets.logon_of(TicketId(0)), tickets.logon_of(TicketId(1))), (None, Some(8)));
        assert!(tickets.is_lossy());
    }
}
