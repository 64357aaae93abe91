//! [`Table`]: the descriptors of one process.

use crate::{BadDescriptor, Description, Dup2Error, NoMemory, Object, OpenError};
use alloc::vec::Vec;
use fl_abi::{STDIN, STDOUT};

/// Descriptors that a process may have open at once, the console's two included. At about 40 bytes each a process can hold
/// 10 KiB of kernel memory by its table; Pintos' own tests open up to 126 files.
pub const OPEN_MAX: usize = 256;

/// The lowest number that [`Table::open`] gives: below are the console's, also when they are closed.
const FIRST: i32 = if STDIN > STDOUT { STDIN } else { STDOUT } + 1;

/// A number and the description it names.
#[derive(Clone, Copy, Debug)]
struct Name {
    fd: i32,
    /// Index into [`Table::descriptions`]; that place is in use.
    description: u16,
}

const _: () = assert!(OPEN_MAX <= u16::MAX as usize);

/// The descriptors of one process.
///
/// Owns one description per open and through it one `F`, dropped when the last descriptor that names it is closed. How many
/// descriptors name a description is not kept but looked up. Lock: the process's own.
#[derive(Debug)]
pub struct Table<F> {
    /// By number, which makes sparse numbers cheap; at most [`OPEN_MAX`].
    names: Vec<Name>,
    /// Free places are reused.
    descriptions: Vec<Option<Description<F>>>,
}

impl<F> Table<F> {
    /// Bytes of the two blocks that a new table allocates.
    pub const NEW_BYTES: [usize; 2] = Self::block_bytes(2, 2);
    /// Bytes that the two blocks of a table never pass, so also more than any call allocates.
    pub const MAX_BYTES: [usize; 2] = Self::block_bytes(OPEN_MAX, OPEN_MAX);

    /// The table of a first process: the console's input and output.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new() -> Result<Self, NoMemory> {
        let mut table = Self { names: Vec::new(), descriptions: Vec::new() };
        table.names.try_reserve_exact(2).map_err(|_| NoMemory)?;
        table.descriptions.try_reserve_exact(2).map_err(|_| NoMemory)?;
        table.add(STDIN, Object::Input)?;
        table.add(STDOUT, Object::Output)?;
        Ok(table)
    }

    /// Gives a newly opened file the lowest free number from 2 on, at position 0.
    ///
    /// # Errors
    /// See [`OpenError`]; `file` is dropped then.
    pub fn open(&mut self, file: F) -> Result<i32, OpenError> {
        self.reserve_name()?;
        // Sorted and without doubles: the lowest free number is the first that the walk does not meet.
        let mut fd = FIRST;
        for name in &self.names {
            fd += i32::from(name.fd == fd);
        }
        self.add(fd, Object::File(file))?;
        Ok(fd)
    }

    /// What `fd` stands for.
    ///
    /// # Errors
    /// [`BadDescriptor`].
    pub fn get(&self, fd: i32) -> Result<&Description<F>, BadDescriptor> {
        self.descriptions[self.find(fd)?].as_ref().ok_or(BadDescriptor)
    }

    /// Moves the position of `fd`, and so of all that share it. For the console nothing happens.
    ///
    /// # Errors
    /// [`BadDescriptor`].
    pub fn seek(&mut self, fd: i32, position: u64) -> Result<(), BadDescriptor> {
        let description = self.find(fd)?;
        self.descriptions[description].as_mut().ok_or(BadDescriptor)?.seek(position);
        Ok(())
    }

    /// Closes `fd`. The file is dropped if no other descriptor shares it.
    ///
    /// # Errors
    /// [`BadDescriptor`].
    pub fn close(&mut self, fd: i32) -> Result<(), BadDescriptor> {
        let at = self.place(fd).map_err(|_| BadDescriptor)?;
        let gone = self.names.remove(at);
        self.release(gone.description);
        Ok(())
    }

    /// Closes everything and gives the table's memory back: the process ends.
    pub fn close_all(&mut self) {
        *self = Self { names: Vec::new(), descriptions: Vec::new() };
    }

    /// Makes `new` share what `old` stands for, after closing what it stood for. With itself it changes nothing.
    ///
    /// # Errors
    /// See [`Dup2Error`].
    pub fn dup2(&mut self, old: i32, new: i32) -> Result<(), Dup2Error> {
        let description = self.find(old)? as u16;
        if new < 0 {
            return Err(Dup2Error::BadDescriptor);
        }
        match self.place(new) {
            Ok(at) => {
                let before = core::mem::replace(&mut self.names[at].description, description);
                self.release(before);
            }
            Err(at) => {
                self.reserve_name()?;
                self.names.insert(at, Name { fd: new, description });
            }
        }
        Ok(())
    }

    /// The table of a forked child: the same numbers share the same way, at the same positions, which move on their own from now on.
    ///
    /// # Errors
    /// [`NoMemory`]; no file was cloned for good then.
    pub fn try_fork(&self) -> Result<Self, NoMemory>
    where
        F: Clone,
    {
        let mut child = Self { names: Vec::new(), descriptions: Vec::new() };
        child.names.try_reserve_exact(self.names.len()).map_err(|_| NoMemory)?;
        child.descriptions.try_reserve_exact(self.descriptions.len()).map_err(|_| NoMemory)?;
        child.names.extend_from_slice(&self.names);
        child.descriptions.extend_from_slice(&self.descriptions);
        Ok(child)
    }

    /// Bytes of the two blocks that [`try_fork`](Self::try_fork) allocates.
    pub fn fork_bytes(&self) -> [usize; 2] {
        Self::block_bytes(self.names.len(), self.descriptions.len())
    }

    const fn block_bytes(names: usize, descriptions: usize) -> [usize; 2] {
        [names * size_of::<Name>(), descriptions * size_of::<Option<Description<F>>>()]
    }

    /// How many descriptors are open.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Where `fd` stands in `names`, or would.
    fn place(&self, fd: i32) -> Result<usize, usize> {
        self.names.binary_search_by_key(&fd, |name| name.fd)
    }

    /// The description that `fd` names.
    fn find(&self, fd: i32) -> Result<usize, BadDescriptor> {
        let at = self.place(fd).map_err(|_| BadDescriptor)?;
        Ok(usize::from(self.names[at].description))
    }

    /// Makes room for one more number.
    fn reserve_name(&mut self) -> Result<(), OpenError> {
        if self.names.len() == OPEN_MAX {
            return Err(OpenError::Full);
        }
        Ok(make_room(&mut self.names)?)
    }

    /// Adds a number that is free, for which `names` has room, with a description of its own.
    fn add(&mut self, fd: i32, object: Object<F>) -> Result<(), NoMemory> {
        let free = self.descriptions.iter().position(Option::is_none);
        let at = free.unwrap_or(self.descriptions.len());
        if free.is_none() {
            make_room(&mut self.descriptions)?;
            self.descriptions.push(None);
        }
        self.descriptions[at] = Some(Description::new(object));
        let place = self.place(fd).unwrap_or_else(|free| free);
        self.names.insert(place, Name { fd, description: at as u16 });
        Ok(())
    }

    /// Drops the description if nothing names it any more.
    fn release(&mut self, description: u16) {
        if self.names.iter().all(|name| name.description != description) {
            self.descriptions[usize::from(description)] = None;
        }
    }
}

/// Makes room for one more: doubles, but never for more than [`OPEN_MAX`].
fn make_room<T>(list: &mut Vec<T>) -> Result<(), NoMemory> {
    if list.len() < list.capacity() {
        return Ok(());
    }
    let target = (2 * list.len()).clamp(4, OPEN_MAX);
    list.try_reserve_exact(target - list.len()).map_err(|_| NoMemory)
}
