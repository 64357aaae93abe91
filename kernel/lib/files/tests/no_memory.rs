//! Without memory every operation fails cleanly. The allocator of this test can be told to fail; one test, so that nobody
//! else in the process meets it.

use fl_files::{Dup2Error, NoMemory, OpenError, Table};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    /// Allocations that still succeed on this thread; `None`: all.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

struct Failing;

/// Whether the next allocation may succeed.
fn granted() -> bool {
    LEFT.with(|left| match left.get() {
        None => true,
        Some(0) => false,
        Some(n) => {
            left.set(Some(n - 1));
            true
        }
    })
}

// SAFETY: hands everything to the system's allocator, or answers null, which the contract allows.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        if granted() { unsafe { System.alloc(layout) } } else { std::ptr::null_mut() }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; every block came from the system.
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        if granted() { unsafe { System.realloc(block, layout, size) } } else { std::ptr::null_mut() }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// Runs `f` with so many allocations granted.
fn with<T>(allocations: u32, f: impl FnOnce() -> T) -> T {
    LEFT.set(Some(allocations));
    let result = f();
    LEFT.set(None);
    result
}

#[test]
fn without_memory_nothing_is_changed_and_nothing_is_left_behind() {
    for allocations in 0..2 {
        assert_eq!(with(allocations, Table::<Rc<()>>::new).err(), Some(NoMemory));
    }
    let file = Rc::new(());
    let mut table = with(2, Table::<Rc<()>>::new).unwrap();
    // A table grows until it must ask for more; whichever of its two lists that is, a refusal changes nothing.
    let mut refusals = 0;
    for opened in 0..100 {
        let references = Rc::strong_count(&file);
        assert_eq!((references, table.len()), (1 + opened, 2 + opened));
        for granted in 0..2 {
            match with(granted, || table.open(file.clone())) {
                Ok(fd) => table.close(fd).unwrap(),
                Err(error) => {
                    refusals += 1;
                    assert_eq!(error, OpenError::NoMemory);
                    assert_eq!((references, table.len()), (Rc::strong_count(&file), 2 + opened));
                }
            }
        }
        table.open(file.clone()).unwrap();
    }
    assert!(refusals > 2, "the lists grew {refusals} times only: the test asks for nothing");

    for granted in 0..2 {
        assert_eq!(with(granted, || table.try_fork()).err(), Some(NoMemory));
        assert_eq!(Rc::strong_count(&file), 101, "a failed fork holds nothing");
    }
    drop(with(2, || table.try_fork()).expect("two allocations are enough"));

    let mut child = table.try_fork().unwrap(); // without a spare place
    assert_eq!(with(0, || child.dup2(5, 1000)), Err(Dup2Error::NoMemory));
    assert_eq!(with(0, || child.dup2(5, 6)), Ok(()));
    assert!(child.get(1000).is_err());
}
