//! What is not seen from outside: how much memory is asked for, and that blocks end.

use super::*;

#[test]
fn memory_is_told_before_it_is_asked_for() {
    let mut blocks = Blocks::<[u64; 2]>::new();
    for n in 0..1000 {
        let said = blocks.growth(1);
        let before = blocks.blocks.capacity();
        blocks.reserve(1).unwrap();
        let after = blocks.blocks.capacity();
        assert!(after == before || after * size_of::<Block<[u64; 2]>>() < said, "{before} {after} {said}");
        blocks.insert(Vpn(n * PAGES as u64), [n; 2]).unwrap();
        let mut copy = Blocks::new();
        let said = blocks.size_of_copy();
        blocks.copy_to(&mut copy, |_, _| Ok::<_, InsertError>(())).unwrap();
        assert!(copy.blocks.capacity() * size_of::<Block<[u64; 2]>>() < said);
        assert_eq!(copy.growth(0), 0);
    }
}

#[test]
fn a_copy_that_fails_has_no_empty_block() {
    let mut blocks = Blocks::new();
    [0, 1, 8].into_iter().for_each(|page| blocks.insert(Vpn(page), page).unwrap());
    let mut copy = Blocks::new();
    let fails = |page, _: &mut u64| if page == Vpn(8) { Err(InsertError::NoMemory) } else { Ok(()) };
    assert!(blocks.copy_to(&mut copy, fails).is_err());
    assert_eq!((copy.blocks.len(), copy.index.len(), copy.len()), (1, 1, 2));
}

#[test]
fn blocks_that_end_leave_the_others_to_be_found() {
    let mut blocks = Blocks::new();
    for page in 0..64 {
        blocks.insert(Vpn(page), page).unwrap();
    }
    for page in (0..64).rev().filter(|page| page / 8 % 2 == 0) {
        assert_eq!(blocks.remove(Vpn(page)), Some(page));
    }
    assert_eq!((blocks.blocks.len(), blocks.index.len(), blocks.len()), (4, 4, 32));
    assert!((0..64).all(|page| blocks.get(Vpn(page)).is_some() == (page / 8 % 2 == 1)));
}
