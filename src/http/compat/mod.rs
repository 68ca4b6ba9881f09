//! What programs that know other servers expect: the same house behind other doors.

pub(super) mod openai;
