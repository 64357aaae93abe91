//! The rules one by one, each in the words of the contract.

use fl_files::{BadDescriptor, Dup2Error, OPEN_MAX, Object, OpenError, Table};
use std::rc::Rc;

fn table() -> Table<Rc<str>> {
    Table::new().unwrap()
}

#[test]
fn a_new_table_has_the_consoles_two() {
    let table = table();
    assert_eq!(table.get(0).unwrap().object(), &Object::Input);
    assert_eq!(table.get(1).unwrap().object(), &Object::Output);
    assert_eq!(table.get(2).unwrap_err(), BadDescriptor);
    assert_eq!(table.len(), 2);
}

#[test]
fn open_gives_the_lowest_free_number_but_never_the_consoles() {
    let mut table = table();
    table.close(0).unwrap();
    table.close(1).unwrap();
    assert_eq!(table.open("a".into()), Ok(2));
    assert_eq!(table.open("b".into()), Ok(3));
    table.dup2(3, 5).unwrap();
    assert_eq!(table.open("c".into()), Ok(4));
    assert_eq!(table.open("d".into()), Ok(6));
    table.close(2).unwrap();
    assert_eq!(table.open("e".into()), Ok(2));
    assert_eq!(&**table.get(2).unwrap().file().unwrap(), "e");
}

#[test]
fn two_opens_of_one_file_have_positions_of_their_own_and_dup2_shares_them() {
    let mut table = table();
    let file: Rc<str> = "f".into();
    let (a, b) = (table.open(file.clone()).unwrap(), table.open(file).unwrap());
    table.dup2(a, 462).unwrap();
    table.seek(462, 9).unwrap();
    assert_eq!(table.get(a).unwrap().position(), 9);
    assert_eq!(table.get(b).unwrap().position(), 0);
    table.close(a).unwrap();
    assert_eq!(table.get(462).unwrap().position(), 9, "it outlives the first number");
}

#[test]
fn the_console_can_be_moved_aside_and_back() {
    let mut table = table();
    let file = table.open("f".into()).unwrap();
    table.dup2(1, 7).unwrap();
    table.dup2(file, 1).unwrap();
    assert!(table.get(1).unwrap().file().is_some());
    table.dup2(7, 1).unwrap();
    assert_eq!(table.get(1).unwrap().object(), &Object::Output);
    table.seek(1, 5).unwrap();
    assert_eq!(table.get(1).unwrap().position(), 0, "the console has no position");
}

#[test]
fn dup2_of_nothing_or_to_a_negative_number_changes_nothing() {
    let mut table = table();
    let file = table.open("f".into()).unwrap();
    table.seek(file, 3).unwrap();
    for (old, new) in [(9, file), (-1, file), (i32::MIN, file), (file, -1), (file, i32::MIN)] {
        assert_eq!(table.dup2(old, new), Err(Dup2Error::BadDescriptor), "dup2({old}, {new})");
    }
    table.dup2(file, file).unwrap();
    assert_eq!(table.get(file).unwrap().position(), 3);
    assert_eq!(table.len(), 3);
}

#[test]
fn the_last_descriptor_closes_the_file() {
    let mut table = table();
    let file: Rc<str> = "f".into();
    let fd = table.open(file.clone()).unwrap();
    table.dup2(fd, 8).unwrap();
    table.close(fd).unwrap();
    assert_eq!(table.close(fd), Err(BadDescriptor));
    assert_eq!(Rc::strong_count(&file), 2);
    table.dup2(1, 8).unwrap();
    assert_eq!(Rc::strong_count(&file), 1, "what was open under the number is closed");
}

#[test]
fn all_can_be_closed_at_once() {
    let mut table = table();
    let file: Rc<str> = "f".into();
    table.open(file.clone()).unwrap();
    table.dup2(2, 50).unwrap();
    table.close_all();
    assert_eq!((table.len(), Rc::strong_count(&file)), (0, 1));
    assert_eq!(table.get(1).unwrap_err(), BadDescriptor);
}

#[test]
fn a_child_shares_as_its_parent_but_has_positions_of_its_own() {
    let mut parent = table();
    let fd = parent.open("f".into()).unwrap();
    parent.dup2(fd, 100).unwrap();
    parent.seek(fd, 5).unwrap();
    let mut child = parent.try_fork().unwrap();
    child.seek(100, 7).unwrap();
    assert_eq!(child.get(fd).unwrap().position(), 7);
    assert_eq!(parent.get(fd).unwrap().position(), 5);
    child.close(fd).unwrap();
    child.close(100).unwrap();
    assert!(parent.get(fd).is_ok());
}

#[test]
fn there_is_a_limit_and_it_is_one_of_numbers() {
    let mut table = table();
    let file: Rc<str> = "f".into();
    while table.open(file.clone()).is_ok() {}
    assert_eq!(table.len(), OPEN_MAX);
    assert_eq!(table.open(file.clone()), Err(OpenError::Full));
    assert_eq!(Rc::strong_count(&file), OPEN_MAX - 2 + 1, "the refused one was dropped");
    assert_eq!(table.dup2(5, 5000), Err(Dup2Error::Full));
    table.dup2(5, 6).unwrap(); // takes no further number
    table.close(7).unwrap();
    table.dup2(5, 5000).unwrap();
    assert_eq!(table.open(file), Err(OpenError::Full));
}
