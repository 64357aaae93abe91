//! Threads as futures that one host thread runs in an order drawn from a seed: every `await` is a place where another may go on.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Steps between two looks at the whole machine.
const LOOK: u64 = 32;

/// What runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The run ends when all of these have.
    Work,
    /// Goes on for ever.
    Daemon,
}

/// All threads, their clock, and the numbers that decide who is next.
pub struct Executor {
    /// A thread that runs, or has ended, leaves its place empty.
    tasks: RefCell<Vec<Option<Task>>>,
    /// Places of threads that have ended.
    unused: RefCell<Vec<usize>>,
    ready: RefCell<Vec<usize>>,
    /// When a sleeper is due, and who it is.
    timers: RefCell<Vec<(u64, usize)>>,
    current: Cell<usize>,
    working: Cell<usize>,
    now: Cell<u64>,
    random: Cell<u64>,
    /// No run takes longer.
    limit: u64,
}

impl Executor {
    pub fn new(seed: u64, limit: u64) -> Self {
        Self {
            tasks: RefCell::default(),
            unused: RefCell::default(),
            ready: RefCell::default(),
            timers: RefCell::default(),
            current: Cell::new(0),
            working: Cell::new(0),
            now: Cell::new(0),
            random: Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            limit,
        }
    }

    /// A number below `n` (Vigna, xorshift64*).
    pub fn below(&self, n: u64) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % n
    }

    /// Steps so far.
    pub fn now(&self) -> u64 {
        self.now.get()
    }

    pub fn spawn(&self, role: Role, future: impl Future<Output = ()> + 'static) {
        let place = self.unused.borrow_mut().pop().unwrap_or_else(|| {
            self.tasks.borrow_mut().push(None);
            self.tasks.borrow().len() - 1
        });
        self.tasks.borrow_mut()[place] = Some(Box::pin(future));
        self.working.set(self.working.get() + usize::from(role == Role::Work));
        self.ready.borrow_mut().push(place);
    }

    /// Called by work at its end.
    pub fn done(&self) {
        self.working.set(self.working.get() - 1);
    }

    /// Runs until all work is done, and calls `look` after every few steps.
    ///
    /// # Panics
    /// If everybody sleeps, or the limit of steps is reached.
    pub fn run(&self, mut look: impl FnMut()) {
        let mut context = Context::from_waker(Waker::noop());
        while self.working.get() != 0 {
            let Some(next) = self.next() else { panic!("everybody sleeps after {} steps", self.now()) };
            if self.now().is_multiple_of(LOOK) {
                look();
            }
            assert!(self.now() < self.limit, "no end after {} steps", self.now());
            self.current.set(next);
            let mut task = self.tasks.borrow_mut()[next].take().expect("who is ready has not ended");
            match task.as_mut().poll(&mut context) {
                Poll::Pending => self.tasks.borrow_mut()[next] = Some(task),
                Poll::Ready(()) => self.unused.borrow_mut().push(next),
            }
        }
    }

    /// Ends everybody.
    pub fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
    }

    fn next(&self) -> Option<usize> {
        self.now.set(self.now.get() + 1);
        let mut ready = self.ready.borrow_mut();
        let mut timers = self.timers.borrow_mut();
        if ready.is_empty() {
            let due = timers.iter().map(|&(due, _)| due).min()?;
            self.now.set(self.now.get().max(due));
        }
        timers.retain(|&(due, task)| {
            let sleeps = due > self.now.get();
            if !sleeps {
                ready.push(task);
            }
            sleeps
        });
        let at = self.below(ready.len() as u64) as usize;
        Some(ready.swap_remove(at))
    }

    /// Lets others go on.
    pub async fn step(&self) {
        self.ready.borrow_mut().push(self.current.get());
        Suspend(false).await;
    }

    /// Sleeps for so many steps of the whole machine.
    pub async fn sleep(&self, steps: u64) {
        self.timers.borrow_mut().push((self.now() + steps, self.current.get()));
        Suspend(false).await;
    }
}

/// Gives the host thread back once.
struct Suspend(bool);

impl Future for Suspend {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Threads that wait for something to become true. As the kernel's: checked, then asleep, with nothing in between.
#[derive(Default)]
pub struct WaitQueue(RefCell<Vec<usize>>);

impl WaitQueue {
    pub async fn wait_until(&self, executor: &Executor, mut condition: impl FnMut() -> bool) {
        while !condition() {
            self.0.borrow_mut().push(executor.current.get());
            Suspend(false).await;
        }
    }

    pub fn wake_all(&self, executor: &Executor) {
        executor.ready.borrow_mut().append(&mut self.0.borrow_mut());
    }
}
