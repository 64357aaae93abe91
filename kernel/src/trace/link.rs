//! [`Link`]: what carries the trace to the host. The trace knows no device: `init` makes a link and hands it to the drain.

/// How a link waits while its transmitter is busy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Asleep: the drain, a thread like others.
    Asleep,
    /// Spinning, interrupts off, nobody else running: the panic path.
    Spinning,
}

impl Wait {
    /// Seconds that a transmitter may make no headway until it is taken for stuck, or nobody for there. The panic path must end while
    /// somebody still looks.
    pub fn patience(self) -> u64 {
        match self {
            Self::Asleep => 10,
            Self::Spinning => 1,
        }
    }
}

/// Carries frames to the host, in order. One user at a time: the drain, and after it the panic path.
///
/// A call that waits [`Wait::Spinning`] may come while one that waited asleep was stopped for good anywhere inside.
pub trait Link: Send {
    /// Sends a frame of at most [`fl_trace::packet::MAX_FRAME`] bytes, or what may be a part of one; `bytes` is free again afterwards.
    /// Never fails: a link that is stuck drops what it is given, which the host sees by the packets' numbers.
    fn send(&mut self, bytes: &[u8], wait: Wait);

    /// Returns when all that was sent needs this kernel no more.
    fn flush(&mut self, wait: Wait);
}
