//! Whatever the file says, nothing panics, and what is accepted keeps every rule.

mod image;

use fl_abi::{STACK_LIMIT, USER_LIMIT, USER_MIN, USER_STACK};
use fl_addr::{PAGE_SIZE, VirtAddr, Vpn};
use fl_elf::{PIECES_MAX, Plan, SEGMENTS_MAX, plan};
use image::{Image, Phdr};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Pages of one plan that a test looks at; images may ask for gigabytes of bss.
const PAGES_LOOKED_AT: usize = 64;

/// All rules, written anew from the specification and not from the code.
fn keeps_every_rule(plan: &Plan, file: &[u8]) {
    let segments: Vec<_> =
        plan.segments.iter().map(|s| (s.start.0, u128::from(s.start.0) + u128::from(s.mem_len), s)).collect();
    assert!((1..=SEGMENTS_MAX).contains(&segments.len()));
    for &(start, end, s) in &segments {
        assert!(start >= USER_MIN && s.mem_len > 0 && end <= u128::from(USER_LIMIT));
        assert!(end <= u128::from(USER_STACK - STACK_LIMIT) || start >= USER_STACK);
        assert!(s.file_len <= s.mem_len);
        assert_eq!(s.file_offset % 4096, start % 4096);
        assert!(u128::from(s.file_offset) + u128::from(s.file_len) <= file.len() as u128);
    }
    assert!(segments.windows(2).all(|w| w[0].1 <= u128::from(w[1].0)));
    let entry = u128::from(plan.entry.0);
    assert!(segments.iter().any(|&(start, end, s)| s.exec && u128::from(start) <= entry && entry < end));
}

/// What one page holds, byte by byte: (writable, executable, offset in the file of each byte or `None` for zero).
fn page_by_bytes(plan: &Plan, page: Vpn) -> Option<(bool, bool, Vec<Option<u64>>)> {
    let first = page.start().0;
    let mut bytes = vec![None; PAGE_SIZE];
    let (mut write, mut exec, mut found) = (false, false, false);
    for (i, byte) in bytes.iter_mut().enumerate() {
        let va = first + i as u64;
        for s in plan.segments.iter().filter(|s| s.start.0 <= va && va - s.start.0 < s.mem_len) {
            (write, exec, found) = (write | s.write, exec | s.exec, true);
            let within = va - s.start.0;
            *byte = (within < s.file_len).then(|| s.file_offset + within);
        }
    }
    found.then_some((write, exec, bytes))
}

/// The page plan of `page` says what its bytes say, and stays within the page and the file.
fn page_is_right(plan: &Plan, page: Vpn, file: &[u8]) {
    let Some((write, exec, bytes)) = page_by_bytes(plan, page) else {
        assert_eq!(plan.page(page), None);
        return;
    };
    let planned = plan.page(page).expect("a page that has bytes has a plan");
    assert_eq!((planned.write, planned.exec), (write, exec));
    assert_eq!(plan.is_pure_zero(page), bytes.iter().all(Option::is_none));
    assert!(planned.pieces.len() <= PIECES_MAX);
    let mut found = vec![None; PAGE_SIZE];
    for piece in &planned.pieces {
        assert!(piece.len > 0 && piece.page_offset + piece.len <= PAGE_SIZE);
        assert!(piece.file_offset + piece.len as u64 <= file.len() as u64);
        for i in 0..piece.len {
            let old = found[piece.page_offset + i].replace(piece.file_offset + i as u64);
            assert_eq!(old, None, "pieces do not overlap");
        }
    }
    assert_eq!(found, bytes);
    let mut buffer = [0xaa; PAGE_SIZE];
    planned.fill(file, &mut buffer).unwrap();
    for (byte, source) in buffer.iter().zip(&bytes) {
        assert_eq!(*byte, source.map_or(0, |offset| file[offset as usize]));
    }
}

/// Everything that a plan promises.
fn sound(file: &[u8]) -> bool {
    let Ok(plan) = plan(file) else {
        return false;
    };
    keeps_every_rule(&plan, file);
    for page in plan.pages().take(PAGES_LOOKED_AT) {
        page_is_right(&plan, page, file);
    }
    for s in &plan.segments {
        let (first, last) = (s.start.vpn(), VirtAddr(s.start.0 + s.mem_len - 1).vpn());
        for page in [first.0 - 1, first.0, first.0 + 1, last.0 - 1, last.0, last.0 + 1] {
            page_is_right(&plan, Vpn(page), file);
        }
    }
    ranges_are_right(&plan);
    true
}

/// Ranges are ascending, disjoint, maximal, and cover the segments' pages exactly.
fn ranges_are_right(plan: &Plan) {
    let ranges: Vec<_> = plan.ranges().collect();
    assert!(ranges.len() <= 3 * SEGMENTS_MAX);
    for r in &ranges {
        assert!(r.start < r.end);
        for page in [r.start, Vpn(r.end.0 - 1), Vpn(r.start.0 + (r.end.0 - r.start.0) / 2)] {
            let planned = plan.page(page).expect("a page of a range has a plan");
            assert_eq!((planned.write, planned.exec, plan.is_pure_zero(page)), (r.write, r.exec, r.zero));
        }
    }
    for pair in ranges.windows(2) {
        assert!(pair[0].end <= pair[1].start);
        let alike = |i: usize| (pair[i].write, pair[i].exec, pair[i].zero);
        assert!(pair[0].end < pair[1].start || alike(0) != alike(1), "two runs that are one");
    }
    let mut covered = BTreeMap::new();
    for s in &plan.segments {
        covered.insert(s.start.vpn(), ());
        covered.insert(VirtAddr(s.start.0 + s.mem_len - 1).vpn(), ());
    }
    let total: u64 = ranges.iter().map(|r| r.end.0 - r.start.0).sum();
    let mut pages = 0;
    let mut next = 0;
    for s in &plan.segments {
        let (first, end) = (s.start.vpn().0.max(next), VirtAddr(s.start.0 + s.mem_len - 1).vpn().0 + 1);
        pages += end.saturating_sub(first);
        next = next.max(end);
    }
    assert_eq!(total, pages);
    assert!(covered.keys().all(|&p| ranges.iter().any(|r| r.start <= p && p < r.end)));
}

/// Values where rules change, and anything.
fn field() -> impl Strategy<Value = u64> {
    let edges =
        [0, 0x1000, 0x3000, 0x400000, USER_STACK - STACK_LIMIT, USER_STACK, USER_LIMIT, 1 << 47, 1 << 63];
    prop_oneof![
        4 => (prop::sample::select(edges.to_vec()), -0x1001i64..0x1002).prop_map(|(e, d)| e.wrapping_add_signed(d)),
        4 => 0u64..0x4000,
        1 => any::<u64>(),
    ]
}

fn any_phdr() -> impl Strategy<Value = Phdr> {
    let kind = prop_oneof![9 => Just(1u32), 1 => 0u32..8, 1 => any::<u32>()];
    (kind, 0u32..8, field(), field(), field(), field()).prop_map(
        |(kind, flags, offset, vaddr, filesz, memsz)| Phdr { kind, flags, offset, vaddr, filesz, memsz },
    )
}

prop_compose! {
    /// Segments one after the other with gaps of any size, often within a page: nearly always valid.
    fn laid_out()(
        parts in prop::collection::vec((0u32..8, prop_oneof![Just(0u64), 0u64..0x900, Just(0x1000), 0u64..0x5000], 1u64..0x2800, 0u64..=100), 1..6),
        text in 0usize..6,
        entry in 0u64..100,
    ) -> Image {
        let mut image = Image::with(Vec::new());
        let mut va = 0x400000;
        let text = text % parts.len();
        for (i, &(flags, gap, memsz, percent)) in parts.iter().enumerate() {
            va += gap;
            let flags = if i == text { flags | 1 } else { flags };
            let offset = va % 4096;
            let filesz = (memsz * percent / 100).min(0x3000 - offset);
            image.phdrs.push(image::load(flags, offset, va, filesz, memsz));
            if i == text {
                image.entry = va + memsz * entry / 100;
            }
            va += memsz;
        }
        image
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(mut file in prop::collection::vec(any::<u8>(), 0..400), magic in any::<bool>()) {
        if magic {
            for (at, byte) in file.iter_mut().zip(b"\x7fELF\x02\x01\x01") {
                *at = *byte;
            }
        }
        sound(&file);
    }

    #[test]
    fn headers_of_any_content_never_panic(
        phdrs in prop::collection::vec(any_phdr(), 0..20),
        entry in field(),
        phoff in prop_oneof![9 => Just(64u64), 1 => field()],
        phnum in prop_oneof![9 => Just(None), 1 => any::<u16>().prop_map(Some)],
    ) {
        sound(&Image { entry, phoff, phnum, ..Image::with(phdrs) }.bytes());
    }

    #[test]
    fn what_is_laid_out_by_the_rules_is_accepted(image in laid_out()) {
        let file = image.bytes();
        let accepted = sound(&file);
        let crowded = matches!(plan(file.as_slice()), Err(fl_elf::Error::CrowdedPage(_)));
        prop_assert!(accepted || crowded, "{:?}", plan(file.as_slice()));
    }

    #[test]
    fn a_valid_image_with_bytes_changed_never_panics(
        image in laid_out(),
        changes in prop::collection::vec((0usize..64 + 6 * 56, any::<u8>()), 1..4),
        len in prop_oneof![3 => Just(0x3000usize), 1 => 0usize..0x3000],
    ) {
        let mut file = image.bytes();
        for (at, byte) in changes {
            file[at] = byte;
        }
        file.truncate(len);
        sound(&file);
    }
}

#[test]
fn most_generated_images_are_accepted_so_that_the_rules_are_really_exercised() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = (0..100).filter(|_| {
        let image = laid_out().new_tree(&mut runner).unwrap().current();
        plan(image.bytes().as_slice()).is_ok()
    });
    assert!(accepted.count() > 80);
}
