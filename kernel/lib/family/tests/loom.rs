//! Every interleaving of a child that ends and a parent that waits: what the child did is seen, and no wake-up is lost.
#![cfg(loom)]

use fl_family::LastWord;
use fl_model::{UnsafeCell, with_mutant};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// What parent and child share: the word, and the place where the parent sleeps. The queue's protocol is that of the kernel's
/// `WaitQueue`: the waiter looks and goes to sleep under the queue's lock, the waker changes the state first and takes the lock second.
struct Shared {
    word: LastWord,
    queue: Mutex<()>,
    woken: Condvar,
    /// Stands for all that must be in order before `wait` returns.
    left_behind: UnsafeCell<u32>,
}
// SAFETY: that the cell is not raced for is what the model checks.
unsafe impl Sync for Shared {}

fn model() {
    loom::model(|| {
        let shared = Arc::new(Shared {
            word: LastWord::new(),
            queue: Mutex::new(()),
            woken: Condvar::new(),
            left_behind: UnsafeCell::new(0),
        });
        let child = shared.clone();
        let child = thread::spawn(move || {
            // SAFETY: the child writes before it has said its last word.
            child.left_behind.with_mut(|p| unsafe { *p = 81 });
            child.word.say(57, 3);
            let queue = child.queue.lock().unwrap();
            child.woken.notify_all();
            drop(queue);
        });
        let mut queue = shared.queue.lock().unwrap();
        let how = loop {
            match shared.word.read() {
                Some(how) => break how,
                None => queue = shared.woken.wait(queue).unwrap(),
            }
        };
        drop(queue);
        assert_eq!(how, (57, 3));
        // SAFETY: the word was read, so the child has written.
        assert_eq!(shared.left_behind.with(|p| unsafe { *p }), 81);
        child.join().unwrap();
    });
}

#[test]
fn a_parent_never_sleeps_past_the_end_of_its_child_and_sees_what_it_left_behind() {
    model();
}

#[test]
#[should_panic]
fn a_word_without_order_is_caught() {
    with_mutant("said_relaxed", model);
}
