//! The atomic of a page-table entry, or loom's twin of it under `--cfg loom`, and the switch that turns on a mutant.
//!
//! A mutant is a named fault in the source, `if mutant!("name") { wrong } else { right }`. In a normal build the macro is the constant
//! `cfg!(mutant = "name")`, hence `false` and gone. Under loom a test turns one on by [`with_mutant`] and expects its model to fail.

#[cfg(not(loom))]
pub use core::sync::atomic::AtomicU64;
pub(crate) use core::sync::atomic::Ordering;
#[cfg(loom)]
pub use loom::sync::atomic::AtomicU64;

/// Whether the mutant of this name is on: a constant except under loom.
macro_rules! mutant {
    ($name:literal) => {{
        #[cfg(not(loom))]
        let on = cfg!(mutant = $name);
        #[cfg(loom)]
        let on = cfg!(mutant = $name) || $crate::sync::is_mutant($name);
        on
    }};
}
pub(crate) use mutant;

#[cfg(loom)]
std::thread_local! {
    // Loom runs all threads of a model on the thread that called it, so tests in parallel do not see each other's mutant.
    static MUTANT: core::cell::Cell<&'static str> = const { core::cell::Cell::new("") };
}

/// Whether [`with_mutant`] has turned on the mutant `name`.
#[cfg(loom)]
pub(crate) fn is_mutant(name: &str) -> bool {
    MUTANT.get() == name
}

/// Runs `f` with the mutant `name` on.
#[cfg(loom)]
pub fn with_mutant<R>(name: &'static str, f: impl FnOnce() -> R) -> R {
    struct Off;
    impl Drop for Off {
        fn drop(&mut self) {
            MUTANT.set("");
        }
    }
    let _off = Off;
    MUTANT.set(name);
    f()
}
