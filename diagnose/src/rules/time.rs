//! TIM: clocks.

pub(crate) mod adjusted;
pub(crate) mod skew;
