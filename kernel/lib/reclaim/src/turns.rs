//! [`Turns`]: those who wait for a frame, in order of arrival.

use crate::NoMemory;
use alloc::vec::Vec;

/// Stands for one who waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket(u64);

/// What one who waits is told.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a frame may be in it"]
pub enum Turn<F> {
    /// Nothing yet.
    Waiting,
    /// Here it is.
    Granted(F),
    /// It gets none: it is to end, or there is no memory.
    Refused,
}

#[derive(Debug)]
struct Waiter<F> {
    ticket: u64,
    /// A number by which it can be refused; that of its process.
    who: u32,
    turn: Turn<F>,
}

/// A queue of those who wait for a frame. `F`: the frame, owned.
///
/// Owns frames that were granted and not yet fetched. Takes its memory when it is made. Lock: its user's; frames that come out are
/// dropped outside it.
#[derive(Debug)]
pub struct Turns<F> {
    waiters: Vec<Waiter<F>>,
    next: u64,
    /// Those without an answer.
    waiting: usize,
}

impl<F> Turns<F> {
    /// Room for so many who wait at once.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(most: usize) -> Result<Self, NoMemory> {
        let mut waiters = Vec::new();
        waiters.try_reserve_exact(most).map_err(|_| NoMemory)?;
        Ok(Self { waiters, next: 0, waiting: 0 })
    }

    /// How many have no answer yet.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Joins at the end, as `who`. `None`: there is no more room.
    pub fn join(&mut self, who: u32) -> Option<Ticket> {
        if self.waiters.len() == self.waiters.capacity() {
            return None;
        }
        let ticket = self.next;
        self.next += 1;
        self.waiters.push(Waiter { ticket, who, turn: Turn::Waiting });
        self.waiting += 1;
        Some(Ticket(ticket))
    }

    /// Gives a frame to who has waited longest.
    ///
    /// # Errors
    /// Nobody waits: the frame comes back.
    pub fn grant(&mut self, frame: F) -> Result<(), F> {
        match self.oldest() {
            Some(waiter) => {
                waiter.turn = Turn::Granted(frame);
                self.waiting -= 1;
                Ok(())
            }
            None => Err(frame),
        }
    }

    /// Tells who has waited longest that it gets none. False: nobody waits.
    pub fn refuse_oldest(&mut self) -> bool {
        let Some(waiter) = self.oldest() else { return false };
        waiter.turn = Turn::Refused;
        self.waiting -= 1;
        true
    }

    /// Tells all who wait as `who` that they get none. False: nobody does.
    pub fn refuse(&mut self, who: u32) -> bool {
        let mut any = false;
        for waiter in self.waiters.iter_mut().filter(|w| w.who == who && matches!(w.turn, Turn::Waiting)) {
            waiter.turn = Turn::Refused;
            self.waiting -= 1;
            any = true;
        }
        any
    }

    /// What there is for the holder of that ticket. The ticket is used up unless it is [`Turn::Waiting`].
    pub fn fetch(&mut self, ticket: Ticket) -> Turn<F> {
        let Some(at) = self.waiters.iter().position(|w| w.ticket == ticket.0) else { return Turn::Refused };
        if matches!(self.waiters[at].turn, Turn::Waiting) {
            return Turn::Waiting;
        }
        self.waiters.remove(at).turn // those behind it stay in order
    }

    fn oldest(&mut self) -> Option<&mut Waiter<F>> {
        self.waiters.iter_mut().find(|w| matches!(w.turn, Turn::Waiting))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn frames_go_to_those_who_wait_in_order_of_arrival() {
        let mut turns = Turns::new(3).unwrap();
        let tickets = [10, 11, 12].map(|who| turns.join(who).unwrap());
        assert_eq!(turns.join(13), None);
        assert_eq!((turns.grant('a'), turns.grant('b')), (Ok(()), Ok(())));
        assert_eq!(turns.waiting(), 1);
        assert_eq!(turns.fetch(tickets[2]), Turn::Waiting);
        assert_eq!(turns.fetch(tickets[1]), Turn::Granted('b'));
        assert_eq!(turns.fetch(tickets[0]), Turn::Granted('a'));
        let late = turns.join(14).unwrap();
        assert_eq!((turns.grant('c'), turns.grant('d'), turns.grant('e')), (Ok(()), Ok(()), Err('e')));
        assert_eq!(turns.fetch(tickets[2]), Turn::Granted('c'));
        assert_eq!(turns.fetch(late), Turn::Granted('d'));
        assert_eq!(turns.fetch(late), Turn::Refused);
    }

    #[test]
    fn who_is_refused_gets_none_and_holds_nobody_up() {
        let mut turns = Turns::new(4).unwrap();
        let tickets = [1, 2, 1, 3].map(|who| turns.join(who).unwrap());
        assert!(turns.refuse(1) && !turns.refuse(1) && !turns.refuse(9));
        assert_eq!(turns.grant('x'), Ok(()));
        assert!(turns.refuse_oldest() && !turns.refuse_oldest());
        assert_eq!(
            tickets.map(|t| turns.fetch(t)),
            [Turn::Refused, Turn::Granted('x'), Turn::Refused, Turn::Refused]
        );
        assert_eq!(turns.waiting(), 0);
    }
}
