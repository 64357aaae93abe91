//! [`Description`]: what a descriptor stands for (POSIX: open file description).

/// What is read or written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Object<F> {
    /// The console's input.
    Input,
    /// The console's output.
    Output,
    /// A file; a reference that keeps it open.
    File(F),
}

/// An object and, for a file, where the next read or write begins.
///
/// Owned by the table; lives while a descriptor names it.
#[derive(Clone, Debug)]
pub struct Description<F> {
    object: Object<F>,
    position: u64,
}

impl<F> Description<F> {
    pub(crate) const fn new(object: Object<F>) -> Self {
        Self { object, position: 0 }
    }

    /// What is read or written.
    pub fn object(&self) -> &Object<F> {
        &self.object
    }

    /// The file, unless it is the console.
    pub fn file(&self) -> Option<&F> {
        match &self.object {
            Object::File(file) => Some(file),
            Object::Input | Object::Output => None,
        }
    }

    /// Where the next read or write begins, in bytes; may lie past the file's end. 0 for the console.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Moves it. The console has no position: nothing happens.
    pub(crate) fn seek(&mut self, position: u64) {
        if self.file().is_some() {
            self.position = position;
        }
    }
}
