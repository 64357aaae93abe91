//! Damaged and dirty volumes: repaired, refused with words, and never a panic.

mod support;

use fl_volume::{Damage, Error, MountError, Volume};
use support::disk::{Disk, Fault};
use support::{KINDS, Kind, Random, effort, formatted, seed};

/// Where a volume of the tests has things.
struct Places {
    table: [u64; 2],
    root: u64,
}

fn places(disk: &Disk) -> Places {
    let word = |at: u64| u64::from(disk.peek(at)) | u64::from(disk.peek(at + 1)) << 8;
    let first = word(14) * 512;
    let size = if word(22) == 0 { word(36) | word(38) << 16 } else { word(22) } * 512;
    Places { table: [first, first + size], root: first + 2 * size }
}

/// A dirty FAT12 volume with the files `one` and `two` of two clusters each, `one` in clusters 2 and 3.
fn dirty() -> Disk {
    let disk = formatted(Kind::Fat12, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    volume.create(b"one", 8192).expect("create");
    volume.create(b"two", 5000).expect("create");
    volume.unmount().expect("unmount");
    disk.poke(0x25, &[1]);
    disk
}

fn set_entry(disk: &Disk, cluster: u64, value: u16) {
    for table in places(disk).table {
        let at = table + cluster * 3 / 2;
        let old = u16::from(disk.peek(at)) | u16::from(disk.peek(at + 1)) << 8;
        let new = if cluster.is_multiple_of(2) { old & 0xf000 | value } else { old & 0x000f | value << 4 };
        disk.poke(at, &new.to_le_bytes());
    }
}

fn damage(disk: &Disk) -> Damage {
    match Volume::mount(disk).map(|_| ()) {
        Err(MountError::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dirty_volume_without_damage_is_mounted_and_marked_clean() {
    let disk = dirty();
    let volume = Volume::mount(&disk).expect("mount");
    assert_eq!(volume.repairs(), fl_volume::Repairs { was_dirty: true, ..Default::default() });
    assert_eq!(disk.peek(0x25) & 1, 0);
}

#[test]
fn the_mark_is_set_before_the_first_change_and_cleared_by_sync() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let offset = if matches!(kind, Kind::Fat32 | Kind::Fat32Odd) { 0x41 } else { 0x25 };
        let mut volume = Volume::mount(&disk).expect("mount");
        assert_eq!(disk.peek(offset) & 1, 0, "mounting changes nothing");
        volume.create(b"x", 10).expect("create");
        assert_eq!(disk.peek(offset) & 1, 1);
        volume.sync().expect("sync");
        assert_eq!(disk.peek(offset) & 1, 0);
        let id = volume.open(b"x").expect("open");
        volume.write(id, 0, b"0123456789").expect("write");
        assert_eq!(disk.peek(offset) & 1, 0, "data inside a file changes no metadata");
        volume.remove(b"x").expect("remove");
        assert_eq!(disk.peek(offset) & 1, 1);
    }
}

#[test]
fn lost_clusters_are_freed() {
    let disk = dirty();
    set_entry(&disk, 100, 101);
    set_entry(&disk, 101, 0xfff);
    let mut volume = Volume::mount(&disk).expect("mount");
    assert_eq!(volume.repairs().lost_clusters, 2);
    assert_eq!(volume.create(b"all", volume_free(&disk)), Ok(()));
}

fn volume_free(disk: &Disk) -> u64 {
    Volume::mount(&disk.medium()).expect("mount").free_bytes().expect("free")
}

#[test]
fn a_chain_longer_than_its_file_is_cut() {
    let disk = dirty();
    set_entry(&disk, 3, 100);
    set_entry(&disk, 100, 0xfff);
    let volume = Volume::mount(&disk).expect("mount");
    assert_eq!((volume.repairs().cut_chains, volume.repairs().lost_clusters), (1, 1));
}

#[test]
fn copies_of_the_table_that_differ_are_made_equal() {
    let disk = dirty();
    let [first, second] = places(&disk).table;
    disk.poke(second + 3, &[0x77]);
    let volume = Volume::mount(&disk).expect("mount");
    assert_eq!(volume.repairs().table_sectors, 1);
    assert_eq!(disk.peek(first + 3), disk.peek(second + 3));
}

#[test]
fn slots_of_a_long_name_without_a_file_are_cleared() {
    let disk = formatted(Kind::Fat12, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    volume.create(b"Two Slots", 0).expect("create");
    volume.create(b"x", 0).expect("create");
    volume.unmount().expect("unmount");
    disk.poke(0x25, &[1]);
    // Label, two slots of "^two%20^slots", then its short slot.
    disk.poke(places(&disk).root + 2 * 32, &[0xe5]);
    let volume = Volume::mount(&disk).expect("mount");
    assert_eq!(volume.repairs().orphan_slots, 1);
    assert_eq!(volume.names().expect("names").len(), 1);
}

#[test]
fn a_file_with_too_short_a_chain_is_refused_by_name_and_nothing_is_changed() {
    for value in [0, 1, 2, 0xfff, 0xff7, 0xff0] {
        let disk = dirty();
        set_entry(&disk, 2, value);
        let before = disk.written.get();
        let found = damage(&disk);
        let expected =
            if value == 2 { Damage::SharedChain("one".into()) } else { Damage::ShortChain("one".into()) };
        assert_eq!(found, expected, "{value}");
        assert_eq!(disk.written.get(), before);
        let text = MountError::<Fault>::Damaged(found).to_string();
        assert!(text.contains("'one'") && text.contains("fsck"), "{text}");
    }
}

#[test]
fn two_files_with_one_cluster_are_refused() {
    let disk = dirty();
    // Label, one, two: the first cluster of the second becomes that of the first.
    disk.poke(places(&disk).root + 2 * 32 + 26, &[2]);
    assert_eq!(damage(&disk), Damage::SharedChain("two".into()));
}

#[test]
fn what_is_no_fat_volume_is_refused() {
    let disk = Disk::new(1000, 1);
    assert_eq!(Volume::mount(&disk).err(), Some(MountError::NotFat));
    let disk = formatted(Kind::Fat12, 1);
    disk.poke(510, &[0, 0]);
    assert_eq!(Volume::mount(&disk).err(), Some(MountError::BadBootSector));
}

#[test]
fn damage_found_while_mounted_stops_changes_and_leaves_the_volume_marked() {
    let disk = dirty();
    disk.poke(0x25, &[0]);
    set_entry(&disk, 2, 0);
    let mut volume = Volume::mount(&disk).expect("a clean volume is taken at its word");
    assert_eq!(volume.open(b"one"), Err(Error::Corrupt));
    assert_eq!(disk.peek(0x25) & 1, 1);
    assert_eq!(volume.create(b"new", 0), Err(Error::Corrupt));
    assert_eq!(volume.sync(), Err(Error::Corrupt));
    let id = volume.open(b"two").expect("what is whole can be read");
    assert_eq!(volume.read(id, 0, &mut [0; 10]), Ok(10));
    assert_eq!(volume.unmount(), Err(Error::Corrupt));
    assert_eq!(damage(&disk), Damage::ShortChain("one".into()));
}

#[test]
fn scribbled_volumes_are_repaired_or_refused_and_never_panic() {
    let (mut mounted, mut refused) = (0, 0);
    for kind in KINDS {
        let clean = formatted(kind, 1);
        let mut volume = Volume::mount(&clean).expect("mount");
        for n in 0..12 {
            let name = format!("{}{n}", if n % 2 == 0 { "n" } else { "A Long Name" });
            volume.create(name.as_bytes(), n * 1000).expect("create");
        }
        volume.unmount().expect("unmount");
        let base = places(&clean);
        for round in 0..300 * effort() {
            let disk = clean.medium();
            let mut random = Random(seed() + round);
            for _ in 0..=random.below(6) {
                let at = match random.below(10) {
                    0 => random.below(512),
                    1..=5 => base.table[0] + random.below(64),
                    6 => base.table[0] + random.below(16_384),
                    _ => base.root + random.below(1500),
                };
                disk.poke(at, &[random.next() as u8]);
            }
            let dirty = if matches!(kind, Kind::Fat32 | Kind::Fat32Odd) { 0x41 } else { 0x25 };
            if !random.one_in(4) {
                disk.poke(dirty, &[1]);
            }
            let Ok(mut volume) = Volume::mount(&disk) else {
                refused += 1;
                continue;
            };
            mounted += 1;
            let names = volume.names().unwrap_or_default();
            for name in &names {
                let Ok(id) = volume.open(name.as_bytes()) else { continue };
                let mut bytes = vec![0; 5000];
                let _ = volume.read(id, 0, &mut bytes);
                let _ = volume.write(id, 100, &bytes);
                if random.one_in(2) {
                    let _ = volume.remove(name.as_bytes());
                }
                let _ = volume.close(id);
            }
            let _ = volume.create(b"New File", 5000);
            let _ = volume.unmount();
        }
    }
    println!("{mounted} mounted, {refused} refused");
    assert!(mounted > 50 && refused > 50);
}

#[test]
fn a_storm_of_faults_harms_no_file_that_was_not_touched() {
    for kind in KINDS {
        for round in 0..2 * effort() {
            let seed = seed() + round;
            println!("{kind:?} seed {seed}");
            let disk = formatted(kind, seed);
            let mut random = Random(seed);
            let mut volume = Volume::mount(&disk).expect("mount");
            let anchor: Vec<u8> = (0..20_000).map(|_| random.next() as u8).collect();
            for name in [b"Anchor 1", b"anchor-2"] {
                volume.create(name, anchor.len() as u64).expect("create");
                let id = volume.open(name).expect("open");
                volume.write(id, 0, &anchor).expect("write");
                volume.close(id).expect("close");
            }
            volume.sync().expect("sync");
            disk.fail_one_in.set(3 + random.below(30));
            let mut open = Vec::new();
            for _ in 0..1500 {
                let name = support::model::NAMES[random.below(20) as usize];
                // What the outcome is does not matter here: only that the disk was to blame.
                let outcome = match random.below(7) {
                    0 | 1 => volume.create(name, random.below(20_000)),
                    2 => volume.open(name).map(|id| open.push(id)),
                    3 if !open.is_empty() => {
                        volume.close(open.swap_remove(random.below(open.len() as u64) as usize))
                    }
                    4 => volume.remove(name),
                    5 if !open.is_empty() => {
                        let id = open[random.below(open.len() as u64) as usize];
                        volume.write(id, random.below(9000), &[1; 3000]).map(drop)
                    }
                    _ => volume.sync(),
                };
                assert_ne!(outcome, Err(Error::Corrupt), "the volume was damaged");
            }
            disk.fail_one_in.set(0);
            volume.sync().expect("a disk that is well again");
            volume.unmount().expect("unmount");
            disk.poke(if matches!(kind, Kind::Fat32 | Kind::Fat32Odd) { 0x41 } else { 0x25 }, &[1]);
            let mut volume = Volume::mount(&disk).expect("mount");
            let expected = fl_volume::Repairs { was_dirty: true, ..Default::default() };
            assert_eq!(volume.repairs(), expected, "the storm left something to repair");
            for name in [b"Anchor 1", b"anchor-2"] {
                let id = volume.open(name).expect("open");
                let mut bytes = vec![0; anchor.len()];
                assert_eq!(volume.read(id, 0, &mut bytes), Ok(bytes.len()));
                assert!(bytes == anchor);
            }
        }
    }
}
