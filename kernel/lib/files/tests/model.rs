//! [`Table`] against the plainest model there is: a map from numbers to shared positions.

use fl_files::{BadDescriptor, Dup2Error, OPEN_MAX, Object, OpenError, Table};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A file is its identity; its count of references tells who keeps it open.
type File = Rc<u32>;

/// What the model says of a number: its object and the position it shares.
#[derive(Clone)]
struct Shared {
    object: Object<File>,
    position: Rc<Cell<u64>>,
}

#[derive(Default)]
struct Model(BTreeMap<i32, Shared>);

impl Model {
    fn new() -> Self {
        let shared = |object| Shared { object, position: Rc::default() };
        Self(BTreeMap::from([(0, shared(Object::Input)), (1, shared(Object::Output))]))
    }

    fn open(&mut self, file: File) -> Result<i32, OpenError> {
        if self.0.len() == OPEN_MAX {
            return Err(OpenError::Full);
        }
        let fd = (2..).find(|fd| !self.0.contains_key(fd)).unwrap();
        self.0.insert(fd, Shared { object: Object::File(file), position: Rc::default() });
        Ok(fd)
    }

    fn seek(&mut self, fd: i32, to: u64) -> Result<(), BadDescriptor> {
        let shared = self.0.get(&fd).ok_or(BadDescriptor)?;
        if matches!(shared.object, Object::File(_)) {
            shared.position.set(to);
        }
        Ok(())
    }

    fn close(&mut self, fd: i32) -> Result<(), BadDescriptor> {
        self.0.remove(&fd).map(|_| ()).ok_or(BadDescriptor)
    }

    fn dup2(&mut self, old: i32, new: i32) -> Result<(), Dup2Error> {
        let shared = self.0.get(&old).ok_or(Dup2Error::BadDescriptor)?.clone();
        if new < 0 {
            return Err(Dup2Error::BadDescriptor);
        }
        if !self.0.contains_key(&new) && self.0.len() == OPEN_MAX {
            return Err(Dup2Error::Full);
        }
        self.0.insert(new, shared);
        Ok(())
    }

    fn fork(&self) -> Self {
        let mut positions = BTreeMap::new();
        let child = self.0.iter().map(|(&fd, shared)| {
            let own = positions.entry(Rc::as_ptr(&shared.position));
            let position = own.or_insert_with(|| Rc::new(Cell::new(shared.position.get()))).clone();
            (fd, Shared { object: shared.object.clone(), position })
        });
        Self(child.collect())
    }

    /// How many descriptions hold `file`: what the table must hold too.
    fn holds(&self, file: &File) -> usize {
        let of_file = self.0.values().filter(|s| matches!(&s.object, Object::File(f) if Rc::ptr_eq(f, file)));
        of_file.map(|s| Rc::as_ptr(&s.position)).collect::<BTreeSet<_>>().len()
    }
}

/// Numbers near those that `open` gives, far ones, negative ones.
fn number() -> impl Strategy<Value = i32> {
    prop_oneof![
        12 => 0..12,
        2 => Just(462),
        1 => Just(i32::MAX),
        1 => -3..0,
        1 => Just(i32::MIN),
    ]
}

#[derive(Clone, Debug)]
enum Operation {
    Open,
    Seek(i32, u64),
    Close(i32),
    Dup2(i32, i32),
    /// The run goes on with the child, the parent stays as it is to the end.
    Fork,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => Just(Operation::Open),
        4 => (number(), 0..u64::from(u32::MAX)).prop_map(|(fd, to)| Operation::Seek(fd, to)),
        3 => number().prop_map(Operation::Close),
        4 => (number(), number()).prop_map(|(old, new)| Operation::Dup2(old, new)),
        1 => Just(Operation::Fork),
    ]
}

/// Everything that can be seen of a table is as the model says.
fn assert_same(table: &Table<File>, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(table.len(), model.0.len());
    prop_assert_eq!(table.is_empty(), model.0.is_empty());
    for (&fd, shared) in &model.0 {
        let description = table.get(fd).expect("open in the model");
        prop_assert_eq!(description.object(), &shared.object);
        prop_assert_eq!(description.position(), shared.position.get(), "position of {}", fd);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_table_behaves_like_a_map_to_shared_positions(operations in prop::collection::vec(operation(), 0..200)) {
        let mut family = vec![(Table::new().unwrap(), Model::new())];
        let mut files: Vec<File> = Vec::new();
        for operation in operations {
            let (table, model) = family.last_mut().unwrap();
            match operation {
                Operation::Open => {
                    let file = Rc::new(files.len() as u32);
                    prop_assert_eq!(table.open(file.clone()), model.open(file.clone()));
                    files.push(file);
                }
                Operation::Seek(fd, to) => prop_assert_eq!(table.seek(fd, to), model.seek(fd, to)),
                Operation::Close(fd) => prop_assert_eq!(table.close(fd), model.close(fd)),
                Operation::Dup2(old, new) => prop_assert_eq!(table.dup2(old, new), model.dup2(old, new)),
                Operation::Fork => {
                    let child = (table.try_fork().unwrap(), model.fork());
                    family.push(child);
                }
            }
            let (table, model) = family.last().unwrap();
            assert_same(table, model)?;
        }
        // Parents did not move.
        for (table, model) in &family {
            assert_same(table, model)?;
        }
        // Each description holds its file once, whatever the model holds.
        let held: Vec<usize> = files.iter().map(|file| family.iter().map(|(_, model)| model.holds(file)).sum()).collect();
        let tables: Vec<Table<File>> = family.into_iter().map(|(table, _)| table).collect();
        for (file, held) in files.iter().zip(held) {
            prop_assert_eq!(Rc::strong_count(file), held + 1, "file {} is held", file);
        }
        drop(tables);
        prop_assert!(files.iter().all(|file| Rc::strong_count(file) == 1), "everything is closed at the end");
    }
}
