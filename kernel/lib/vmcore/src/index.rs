//! [`Index`]: a hash table whose memory is asked for before it is used, and whose places are found and filled in one go.

use crate::NoRoom;
use crate::hash::FixedHash;
use core::hash::Hash;
use hashbrown::hash_map::{self, HashMap};

/// Why an entry was not added. The table is unchanged; the entry handed in was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InsertError {
    /// The key has an entry. The caller's fault.
    Occupied,
    /// No kernel memory for it.
    NoMemory,
}

impl core::fmt::Display for InsertError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Occupied => "the address has a page already",
            Self::NoMemory => "no kernel memory",
        })
    }
}

impl core::error::Error for InsertError {}

/// A map from `K` to `V`. Walked in an order that depends on nothing but its history.
///
/// Owns keys and values. Allocates in [`reserve`](Self::reserve) and [`insert`](Self::insert) only, fallibly. Lock: its owner's.
#[derive(Debug)]
pub struct Index<K, V> {
    map: HashMap<K, V, FixedHash>,
}

/// What was found at a place in a table.
pub enum Place<'a, V, F> {
    /// The entry that is there.
    Taken(&'a mut V),
    /// Room for one.
    Free(F),
}

/// The place of a key that is not there yet, and memory for it.
pub struct Vacancy<'a, K, V>(hash_map::VacantEntry<'a, K, V, FixedHash>);

impl<'a, K: Hash, V> Vacancy<'a, K, V> {
    /// Adds the entry. Allocates nothing.
    #[inline]
    pub fn fill(self, entry: V) -> &'a mut V {
        self.0.insert(entry)
    }
}

impl<K, V> Index<K, V> {
    /// An empty table. Allocates nothing.
    pub const fn new() -> Self {
        Self { map: HashMap::with_hasher(FixedHash) }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Heap bytes that making room for `additional` entries asks for, or a little more: none while there is room.
    pub fn growth(&self, additional: usize) -> usize {
        let wanted = self.map.len() + additional;
        if wanted <= self.map.capacity() {
            return 0;
        }
        // hashbrown fills at most 7/8 of a power of two of buckets, each with a control byte; small tables have 4 at least.
        let buckets = (wanted * 8 / 7 + 1).next_power_of_two().max(4);
        buckets * (size_of::<(K, V)>() + 1) + 64
    }
}

impl<K: Eq + Hash, V> Index<K, V> {
    /// Makes room for `additional` entries, so that as many [`insert`](Self::insert)s cannot fail for want of memory.
    ///
    /// # Errors
    /// [`InsertError::NoMemory`]; nothing is changed.
    pub fn reserve(&mut self, additional: usize) -> Result<(), InsertError> {
        self.map.try_reserve(additional).map_err(|_| InsertError::NoMemory)
    }

    /// Adds an entry where there is none.
    ///
    /// # Errors
    /// See [`InsertError`]; nothing is changed then.
    pub fn insert(&mut self, key: K, entry: V) -> Result<(), InsertError> {
        if self.map.contains_key(&key) {
            return Err(InsertError::Occupied);
        }
        self.reserve(1)?;
        self.map.insert(key, entry);
        Ok(())
    }

    /// The entry of `key`, or the place for one: found in one go.
    ///
    /// # Errors
    /// [`NoRoom`]: there is no entry and no room for one. [`reserve`](Self::reserve) some and ask again.
    #[inline(always)]
    pub fn place(&mut self, key: K) -> Result<Place<'_, V, Vacancy<'_, K, V>>, NoRoom> {
        if self.map.len() == self.map.capacity() {
            return self.map.get_mut(&key).map(Place::Taken).ok_or(NoRoom);
        }
        Ok(match self.map.entry(key) {
            hash_map::Entry::Occupied(taken) => Place::Taken(taken.into_mut()),
            hash_map::Entry::Vacant(free) => Place::Free(Vacancy(free)),
        })
    }

    /// The entry of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// The entry of `key`, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    /// Takes the entry of `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.map.remove(key)
    }

    /// Takes all entries out. The memory stays.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// Becomes equal to `other`, if the two have the same size: nothing is hashed then, and nothing allocated. False: nothing is changed.
    pub fn copy_from(&mut self, other: &Self) -> bool
    where
        K: Clone,
        V: Clone,
    {
        let same = self.map.allocation_size() == other.map.allocation_size();
        if same {
            self.map.clone_from(&other.map);
        }
        same
    }
}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_once_and_filled_without_memory() {
        let mut index: Index<u64, u64> = Index::new();
        assert!(index.place(1).is_err(), "an empty table has no room");
        index.reserve(1).unwrap();
        let room = index.map.capacity();
        match index.place(1) {
            Ok(Place::Free(place)) => assert_eq!(*place.fill(10), 10),
            _ => panic!("the key is new and there is room"),
        }
        assert!(matches!(index.place(1), Ok(Place::Taken(10))));
        assert_eq!((index.len(), index.map.capacity()), (1, room), "nothing was allocated");
    }

    #[test]
    fn a_full_table_finds_what_it_has_and_says_what_more_would_take() {
        let mut index: Index<u64, u64> = Index::new();
        index.reserve(1).unwrap();
        let room = index.map.capacity() as u64;
        (0..room).for_each(|key| index.insert(key, key).unwrap());
        assert!(index.place(room).is_err() && index.growth(1) > 0);
        assert!(matches!(index.place(0), Ok(Place::Taken(0))));
        assert_eq!(index.growth(0), 0);
        assert_eq!(index.insert(0, 7), Err(InsertError::Occupied));
        assert_eq!((index.remove(&0), index.get(&0)), (Some(0), None));
    }
}
