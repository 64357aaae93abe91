//! Copy-on-write: the rule in every case, what fork marks, and what a mapping may allow.
#![cfg(not(loom))]

use fl_addr::{Pfn, Vpn};
use fl_vmcore::*;

fn entry(write: bool, cow: bool) -> Entry<usize> {
    Entry { page: 0, prot: Prot { write, exec: false }, cow }
}

fn shared_by(sharers: u32, page: PageState) -> PageState {
    (1..sharers).fold(page, |p, _| p.attach(false).unwrap())
}

#[test]
fn a_store_reuses_copies_or_is_shared_as_the_table_says() {
    let (private, file) = (PageState::copied(Pfn(1)), PageState::of_file());
    #[rustfmt::skip]
    let table = [
        // page, sharers, entry is marked
        (private, 1, true,  WriteFault::Reuse),
        (private, 1, false, WriteFault::Reuse),
        (private, 2, true,  WriteFault::Copy),
        (private, 9, true,  WriteFault::Copy),
        (file,    1, false, WriteFault::SharedWrite),
        (file,    2, false, WriteFault::SharedWrite),
        (file,    1, true,  WriteFault::Copy), // data of a program: the file is not the process's, even if it is alone with it
        (file,    2, true,  WriteFault::Copy),
    ];
    for (page, sharers, cow, expected) in table {
        let found = on_write_fault(&shared_by(sharers, page), &entry(true, cow));
        assert_eq!(found, expected, "{:?} with {sharers} sharers, cow {cow}", page.kind());
    }
}

#[test]
fn a_frame_for_a_copy_is_taken_before_the_pin_wherever_one_may_be_needed() {
    for page in [PageState::copied(Pfn(1)), PageState::of_file()] {
        for sharers in 1..4 {
            let page = shared_by(sharers, page);
            let copies = on_write_fault(&page, &entry(true, true)) == WriteFault::Copy;
            assert_eq!(may_need_copy(&page), copies, "{:?} with {sharers} sharers", page.kind());
        }
    }
}

#[test]
fn the_last_sharer_reuses_what_all_others_left() {
    let page = shared_by(3, PageState::copied(Pfn(1)).unpin().unwrap());
    let page = page.detach(false).unwrap().0;
    assert_eq!(on_write_fault(&page, &entry(true, true)), WriteFault::Copy);
    let page = page.detach(false).unwrap().0;
    assert_eq!(on_write_fault(&page, &entry(true, true)), WriteFault::Reuse);
}

#[test]
fn a_marked_entry_is_mapped_read_only_and_keeps_its_right() {
    assert_eq!(entry(true, true).mappable(), Prot::READ);
    assert_eq!(entry(true, false).mappable(), Prot::READ_WRITE);
    assert_eq!(entry(false, false).mappable(), Prot::READ);
    assert_eq!(Entry { page: 0, prot: Prot::READ_EXEC, cow: true }.mappable(), Prot::READ_EXEC);
}

/// Forks a table of one page and says: mark of the parent's entry, mark of the child's, whether the parent's mapping is protected.
fn forked(kind: Kind, before: Entry<usize>) -> (bool, bool, bool) {
    let mut parent = Spt::new();
    parent.insert(Vpn(5), before).unwrap();
    let mut shared = vec![];
    let mut child = Spt::new();
    let share = |vpn, &page: &usize, protect| {
        shared.push((vpn, page, protect));
        Ok::<_, InsertError>(())
    };
    parent.fork(&mut child, |_| kind, share).unwrap();
    let &[(Vpn(5), 0, protect)] = &shared[..] else { panic!("{shared:?}") };
    let (parent, child) = (parent.get(Vpn(5)).unwrap(), child.get(Vpn(5)).unwrap());
    assert_eq!((parent.page, parent.prot, child.page, child.prot), (0, before.prot, 0, before.prot));
    (parent.cow, child.cow, protect)
}

#[test]
fn fork_marks_what_is_written_privately_and_protects_what_is_mapped_writable() {
    #[rustfmt::skip]
    let table = [
        (Kind::Private, entry(true, false),  (true,  true,  true)),
        (Kind::Private, entry(true, true),   (true,  true,  false)), // of an earlier fork: read-only already
        (Kind::Private, entry(false, false), (false, false, false)),
        (Kind::File,    entry(true, false),  (false, false, false)), // a mapping: the child sees the same file
        (Kind::File,    entry(false, false), (false, false, false)), // text
        (Kind::File,    entry(true, true),   (true,  true,  false)), // data of a program
    ];
    for (kind, before, expected) in table {
        assert_eq!(forked(kind, before), expected, "{kind:?} {before:?}");
    }
}

#[test]
fn a_fork_that_fails_half_way_leaves_what_it_shared_in_the_child_and_nothing_else_marked() {
    let mut parent = Spt::new();
    for page in 0..10 {
        parent.insert(Vpn(page as u64), Entry { page, ..entry(true, false) }).unwrap();
    }
    let (mut child, mut shared) = (Spt::new(), vec![]);
    let share = |vpn, _: &usize, _| {
        if shared.len() == 4 {
            return Err(InsertError::NoMemory);
        }
        shared.push(vpn);
        Ok(())
    };
    assert_eq!(parent.fork(&mut child, |_| Kind::Private, share), Err(InsertError::NoMemory));
    for (vpn, entry) in parent.iter() {
        assert_eq!(entry.cow, shared.contains(&vpn));
        assert_eq!(child.get(vpn), entry.cow.then_some(entry));
    }
    assert_eq!(child.len(), 4);
}

#[test]
fn a_child_has_all_regions_of_its_parent_mappings_included() {
    let mut parent = Regions::new();
    let request = MmapRequest { addr: Vpn(5).start(), len: 1, offset: 0, writable: true, file_len: 1 };
    parent.map(&request, "file").unwrap();
    let mut child = parent.fork().unwrap();
    assert!(parent.iter().eq(child.iter()));
    child.unmap(Vpn(5).start()).unwrap();
    assert!(parent.find(Vpn(5)).is_some(), "each has its own");
}
