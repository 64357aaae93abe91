//! The sending queue against a device that answers late, out of order, or nonsense; and its take-over.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use fl_virtq::{Area, Broken, NO_INTERRUPT, NO_NOTIFY, SendQueue};
use proptest::prelude::*;

const N: usize = 8;

/// The other side: reads what it is given, and answers in any order.
struct Device<'a> {
    area: &'a Area<N>,
    read: u16,
    /// Places read and not answered.
    held: Vec<u16>,
    answered: u16,
}

impl<'a> Device<'a> {
    fn new(area: &'a Area<N>) -> Self {
        Self { area, read: 0, held: Vec::new(), answered: 0 }
    }

    /// Reads the next buffer: its address and length.
    fn read(&mut self) -> Option<(u64, u32)> {
        if self.read == self.area.available.index.load(Acquire) {
            return None;
        }
        let place = self.area.available.ring[usize::from(self.read) % N].load(Relaxed);
        self.read = self.read.wrapping_add(1);
        self.held.push(place);
        let descriptor = &self.area.descriptors[usize::from(place)];
        assert_eq!(descriptor.flags.load(Relaxed), 0, "read by the device, and the only one");
        Some((descriptor.address.load(Relaxed), descriptor.len.load(Relaxed)))
    }

    /// Answers one of those it holds.
    fn answer(&mut self, which: usize) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let place = self.held.remove(which % self.held.len());
        self.say(place.into());
        true
    }

    fn say(&mut self, id: u32) {
        self.area.used.ring[usize::from(self.answered) % N].id.store(id, Relaxed);
        self.answered = self.answered.wrapping_add(1);
        self.area.used.index.store(self.answered, Release);
    }
}

proptest! {
    /// Steps: 0 send, 1 the device reads, 2.. it answers one of those it holds, 9 the driver looks.
    #[test]
    fn everything_sent_is_read_once_and_in_order(
        steps in prop::collection::vec(0usize..10, 0..400)
    ) {
        let area = Area::<N>::default();
        let (queue, mut device) = (SendQueue::new(&area), Device::new(&area));
        let (mut sent, mut read, mut free) = (0u64, 0u64, N);
        for step in steps {
            match step {
                0 => match queue.take() {
                    Some(place) => {
                        free -= 1;
                        queue.publish(place, sent, sent as u32 + 1);
                        sent += 1;
                    }
                    None => prop_assert_eq!(free, 0),
                },
                1 => if let Some(got) = device.read() {
                    prop_assert_eq!(got, (read, read as u32 + 1));
                    read += 1;
                },
                9 => free += queue.reap().unwrap(),
                which => { device.answer(which); }
            }
            prop_assert!(free + queue.in_flight() == N);
        }
        while device.read().is_some() { read += 1; }
        while device.answer(0) {}
        queue.reap().unwrap();
        prop_assert_eq!((read, queue.in_flight()), (sent, 0));
    }
}

#[test]
fn numbers_wrap() {
    let area = Area::<N>::default();
    let (queue, mut device) = (SendQueue::new(&area), Device::new(&area));
    for i in 0..200_000u64 {
        let place = queue.take().expect("all but one are free");
        queue.publish(place, i, 1);
        assert_eq!(device.read(), Some((i, 1)));
        device.answer(0);
        assert_eq!(queue.reap(), Ok(1));
    }
}

#[test]
fn nonsense_is_noticed() {
    let told = |id: u32, sent: usize| {
        let area = Area::<N>::default();
        let queue = SendQueue::new(&area);
        (0..sent).for_each(|i| queue.publish(queue.take().unwrap(), i as u64, 1));
        Device::new(&area).say(id);
        queue.reap()
    };
    assert_eq!(told(0, 0), Err(Broken), "nothing was sent");
    assert_eq!(told(1, 1), Err(Broken), "another place was");
    assert_eq!(told(N as u32, 1), Err(Broken), "no such place");
    assert_eq!(told(u32::MAX, 1), Err(Broken));
    assert_eq!(told(0, 1), Ok(1));
    let area = Area::<N>::default();
    let (queue, mut device) = (SendQueue::new(&area), Device::new(&area));
    (0..2).for_each(|i| queue.publish(queue.take().unwrap(), i, 1));
    device.say(0);
    device.say(0);
    assert_eq!(queue.reap(), Err(Broken), "one place twice");
}

#[test]
fn who_takes_over_a_place_that_was_taken_and_not_published_goes_on_without_it() {
    let area = Area::<N>::default();
    let (queue, mut device) = (SendQueue::new(&area), Device::new(&area));
    queue.take().unwrap(); // and then its driver was stopped
    for i in 0..3 * N as u64 {
        let place = queue.take().expect("seven are left");
        queue.publish(place, i, 1);
        assert_eq!(device.read(), Some((i, 1)));
        device.answer(0);
        assert_eq!((queue.reap(), queue.in_flight()), (Ok(1), 0));
    }
}

#[test]
fn advice_is_given_and_taken() {
    let area = Area::<N>::default();
    let queue = SendQueue::new(&area);
    assert_eq!(area.available.flags.load(Relaxed), NO_INTERRUPT);
    queue.ask_for_interrupt(true);
    assert_eq!(area.available.flags.load(Relaxed), 0);
    queue.ask_for_interrupt(false);
    assert_eq!(area.available.flags.load(Relaxed), NO_INTERRUPT);
    assert!(queue.wants_doorbell());
    area.used.flags.store(NO_NOTIFY, Relaxed);
    assert!(!queue.wants_doorbell());
}
