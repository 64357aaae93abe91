//! Every interleaving of those who wait and those who wake: nobody sleeps for ever, one at a time holds the lock, and what it wrote is seen.
#![cfg(loom)]

use fl_model::{AtomicBool, Ordering, caught};
use fl_sleep::{Held, SleepLock, SleepRwLock, WaitQueue, Waiters};
use loom::sync::{Mutex, MutexGuard};
use loom::thread::{self, Thread};
use std::collections::VecDeque;
use std::sync::Arc; // not loom's, whose destructor cannot run once loom has found a deadlock

/// A thread asleep, and whether it was woken.
type Sleeper = (Thread, Arc<AtomicBool>);

/// The scheduler of the model: a thread sleeps by parking.
struct Model(Mutex<VecDeque<Sleeper>>);

impl Waiters for Model {
    type Held<'a> = ModelHeld<'a>;
    fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }
    fn lock(&self) -> ModelHeld<'_> {
        ModelHeld(self.0.lock().unwrap())
    }
}

struct ModelHeld<'a>(MutexGuard<'a, VecDeque<Sleeper>>);

impl Held for ModelHeld<'_> {
    fn sleep(mut self) {
        let woken = Arc::new(AtomicBool::new(false));
        self.0.push_back((thread::current(), woken.clone()));
        drop(self);
        while !woken.load(Ordering::Acquire) {
            thread::park();
        }
    }
    fn wake_one(&mut self) -> bool {
        let Some((thread, woken)) = self.0.pop_front() else { return false };
        woken.store(true, Ordering::Release);
        thread.unpark();
        true
    }
}

fn bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Two wait for one condition, which the third makes true before it wakes all.
fn two_waiters() {
    bounded(3, || {
        let shared = Arc::new((AtomicBool::new(false), WaitQueue::<Model>::new()));
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || shared.1.wait_until(|| shared.0.load(Ordering::Acquire)))
            })
            .collect();
        shared.0.store(true, Ordering::Release);
        shared.1.wake_all();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

/// The waker changes the condition under the queue's lock, for a waiter that frees the queue at once.
fn a_waiter_that_frees_the_queue() {
    bounded(3, || {
        let shared = Arc::new((AtomicBool::new(false), WaitQueue::<Model>::new()));
        let waker = shared.clone();
        let waker = thread::spawn(move || {
            waker.1.change_and_wake_all(|| waker.0.store(true, Ordering::Relaxed));
        });
        shared.1.wait_until(|| shared.0.load(Ordering::Relaxed));
        waker.join().unwrap();
    });
}

fn turns(threads: usize) {
    bounded(if threads > 2 { 2 } else { 4 }, move || {
        let lock = Arc::new(SleepLock::<u32, Model>::new(0));
        let others: Vec<_> = (1..threads)
            .map(|_| {
                let lock = lock.clone();
                thread::spawn(move || *lock.lock() += 1)
            })
            .collect();
        *lock.lock() += 1;
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*lock.lock(), threads as u32);
    });
}

fn two_turns() {
    turns(2);
}

fn three_turns() {
    turns(3);
}

/// Writers raise both numbers, readers find them equal; whoever comes last finds all that was written.
fn readers_and_writers(readers: usize, writers: u32) {
    bounded(2, move || {
        let lock = Arc::new(SleepRwLock::<[u32; 2], Model>::new([0, 0]));
        let write = |lock: &SleepRwLock<[u32; 2], Model>| {
            let mut value = lock.write();
            value[0] += 1;
            value[1] += 1;
        };
        let read = |lock: &SleepRwLock<[u32; 2], Model>| {
            let value = lock.read();
            let first = value[0];
            assert_eq!(value[1], first, "read while it was written");
        };
        let mut others = Vec::new();
        for _ in 0..readers {
            let lock = lock.clone();
            others.push(thread::spawn(move || read(&lock)));
        }
        for _ in 1..writers {
            let lock = lock.clone();
            others.push(thread::spawn(move || write(&lock)));
        }
        write(&lock);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*lock.read(), [writers; 2]);
    });
}

fn one_reader_one_writer() {
    readers_and_writers(1, 1);
}

fn two_readers_one_writer() {
    readers_and_writers(2, 1);
}

fn one_reader_two_writers() {
    readers_and_writers(1, 2);
}

#[test]
fn no_wake_up_is_lost_between_looking_and_sleeping() {
    two_waiters();
    a_waiter_that_frees_the_queue();
}

#[test]
fn one_at_a_time_holds_the_lock_and_nobody_waits_for_ever() {
    two_turns();
    three_turns();
}

#[test]
fn a_writer_is_alone_and_neither_readers_nor_writers_wait_for_ever() {
    one_reader_one_writer();
    two_readers_one_writer();
    one_reader_two_writers();
}

#[test]
fn each_mutant_is_caught() {
    caught("reader_counted_late", one_reader_one_writer);
    caught("reader_left_relaxed", one_reader_one_writer);
    caught("writer_does_not_wait", one_reader_one_writer);
    caught("writer_not_woken", one_reader_one_writer);
    caught("looked_before_the_lock", two_waiters);
    caught("left_relaxed", two_turns);
    caught("nobody_woken", two_turns);
    caught("others_forgotten", three_turns);
}
