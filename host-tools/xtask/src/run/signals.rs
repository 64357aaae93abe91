//! Ctrl-C and SIGTERM during a run: the first one asks the run to end in order, a second one ends us at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// What the signal handlers and the runs share. Runs of one process (tests) share the handlers.
struct Shared {
    /// The last signal, 0 if none came. Written by the handlers.
    received: Arc<AtomicUsize>,
    /// Whether the next signal has its default effect: true while no run is active, and after the first signal.
    default: Arc<AtomicBool>,
    /// Number of active runs.
    active: Mutex<usize>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let received = Arc::new(AtomicUsize::new(0));
        let default = Arc::new(AtomicBool::new(true));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the default effect is judged before this very signal asks for it. Without handlers (the system
            // refused them) signals keep their default effect, and QEMU dies with us.
            let _ = flag::register_conditional_default(signal, default.clone())
                .and_then(|_| flag::register(signal, default.clone()))
                .and_then(|_| flag::register_usize(signal, received.clone(), signal as usize));
        }
        Shared { received, default, active: Mutex::new(0) }
    })
}

fn active() -> MutexGuard<'static, usize> {
    shared().active.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While one exists, the first signal is noted instead of ending us.
pub(super) struct Active(());

impl Active {
    pub(super) fn begin() -> Self {
        let mut active = active();
        *active += 1;
        if *active == 1 && shared().received.load(Ordering::Relaxed) == 0 {
            // Release: pairs with the handler's load in signal-hook; nothing else is published by it.
            shared().default.store(false, Ordering::Release);
        }
        Self(())
    }

    /// The signal that asks the runs to end, if one came.
    pub(super) fn received(&self) -> Option<i32> {
        // Relaxed: the number is all there is; the handler stores it in this process.
        match shared().received.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut active = active();
        *active -= 1;
        if *active == 0 {
            // Release: as in `begin`.
            shared().default.store(true, Ordering::Release);
        }
    }
}
