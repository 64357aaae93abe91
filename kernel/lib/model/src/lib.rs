//! What makes a library's own source model-checkable: atomics and cells, or loom's twins of them under `--cfg loom`, and the
//! switch that turns on a mutant.
//!
//! A mutant is a named fault in the source, `if mutant!("name") { wrong } else { right }`. In a normal build the macro is the
//! constant `cfg!(mutant = "name")`, hence `false` and gone. Under loom, and with the feature `mutants` of host tests, a test turns
//! one on for itself by `with_mutant` and expects its model to fail.
#![no_std]

#[cfg(any(loom, feature = "mutants"))]
extern crate std;

pub use core::sync::atomic::Ordering;
#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, fence};

#[cfg(loom)]
pub use loom::cell::UnsafeCell;

/// What a spin loop does instead of pausing: lets another thread of the model go on.
#[cfg(loom)]
pub fn yield_now() {
    loom::thread::yield_now();
}

/// Whether the model has failed and is being torn down: destructors then do nothing.
#[cfg(loom)]
pub fn is_failing() -> bool {
    std::thread::panicking()
}

/// `core::cell::UnsafeCell` with loom's interface.
#[cfg(not(loom))]
#[repr(transparent)]
pub struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    pub const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }
    /// Calls `f` with a pointer to read through.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }
    /// Calls `f` with a pointer to write through.
    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Whether the mutant of this name is on: a constant except in tests that can turn one on.
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {{ cfg!(mutant = $name) || $crate::is_mutant($name) }};
}

/// A `const fn`, except under loom, whose atomics cannot be made at compile time.
#[macro_export]
macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis const fn $name:ident($($arg:ident: $ty:ty),*) -> Self $body:block) => {
        #[cfg(not(loom))]
        $(#[$attr])*
        $vis const fn $name($($arg: $ty),*) -> Self $body
        #[cfg(loom)]
        $(#[$attr])*
        $vis fn $name($($arg: $ty),*) -> Self $body
    };
}
/// An array of `N` values of an expression that is constant except under loom.
#[macro_export]
macro_rules! array_of {
    ($n:expr, $value:expr) => {{
        #[cfg(not(loom))]
        let array = [const { $value }; $n];
        #[cfg(loom)]
        let array = core::array::from_fn(|_| $value);
        array
    }};
}
#[cfg(any(loom, feature = "mutants"))]
std::thread_local! {
    // Loom runs all threads of a model on the thread that called it, so tests in parallel do not see each other's mutant.
    static MUTANT: core::cell::Cell<&'static str> = const { core::cell::Cell::new("") };
}

/// Whether `with_mutant` has turned on the mutant `name`.
#[cfg(any(loom, feature = "mutants"))]
pub fn is_mutant(name: &str) -> bool {
    MUTANT.get() == name
}

/// No mutant can be turned on.
#[cfg(not(any(loom, feature = "mutants")))]
#[inline(always)]
pub const fn is_mutant(_: &str) -> bool {
    false
}

/// Runs `f` with the mutant `name` on.
#[cfg(any(loom, feature = "mutants"))]
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

/// Asserts that `model` fails when the mutant is on, and not because the model is too large for loom.
#[cfg(any(loom, feature = "mutants"))]
pub fn caught(mutant: &'static str, model: impl FnOnce()) {
    fails(mutant, || with_mutant(mutant, model));
}

/// The same for a model that is wrong by itself, and is called `name`.
#[cfg(any(loom, feature = "mutants"))]
pub fn fails(name: &str, model: impl FnOnce()) {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let Err(failure) = catch_unwind(AssertUnwindSafe(model)) else { panic!("{name} went unnoticed") };
    let literal = failure.downcast_ref::<&str>().copied();
    let text =
        failure.downcast_ref::<std::string::String>().map_or(literal.unwrap_or(""), |text| text.as_str());
    assert!(!text.contains("exceeded maximum"), "{name}: {text}");
}
