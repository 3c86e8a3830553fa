//! TIM: clocks.

pub(crate) mod adjusted;
pub(crate) mod dc_differs;
pub(crate) mod drift;
pub(crate) mod replay;
pub(crate) mod skew;
pub(crate) mod ticket_times;
