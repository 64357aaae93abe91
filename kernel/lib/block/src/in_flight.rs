//! [`InFlight`]: the requests that a device holds, found by the token that it answers with.

use alloc::boxed::Box;

struct Entry<T> {
    token: u16,
    deadline: u64,
    request: T,
}

/// A fixed number of places for requests in flight. Allocates once.
///
/// Lock: its owner's. A device may answer with any token at any time: only those in flight are known.
pub struct InFlight<T> {
    places: Box<[Option<Entry<T>>]>,
    len: usize,
}

impl<T> InFlight<T> {
    /// Room for `n` requests.
    pub fn new(n: usize) -> Self {
        Self { places: (0..n).map(|_| None).collect(), len: 0 }
    }

    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A free place.
    pub fn vacant(&self) -> Option<usize> {
        self.places.iter().position(Option::is_none)
    }

    /// Notes at `place`, which is free, that `request` is on its way: the device will answer with `token`, by tick `deadline`.
    pub fn insert(&mut self, place: usize, token: u16, deadline: u64, request: T) {
        debug_assert!(self.places[place].is_none());
        self.places[place] = Some(Entry { token, deadline, request });
        self.len += 1;
    }

    /// Takes the request that `token` answers, and its place. `None`: no such request is in flight.
    pub fn take(&mut self, token: u16) -> Option<(usize, T)> {
        let matches = |e: &Option<Entry<T>>| e.as_ref().is_some_and(|e| e.token == token);
        let place = self.places.iter().position(matches)?;
        let entry = self.places[place].take()?;
        self.len -= 1;
        Some((place, entry.request))
    }

    /// Whether a request should have been answered by tick `now`.
    pub fn any_overdue(&self, now: u64) -> bool {
        self.places.iter().flatten().any(|e| e.deadline <= now)
    }

    /// Takes any request, with whether it should have been answered by tick `now`.
    pub fn take_any(&mut self, now: u64) -> Option<(bool, T)> {
        let entry = self.places.iter_mut().find_map(Option::take)?;
        self.len -= 1;
        Some((entry.deadline <= now, entry.request))
    }
}
