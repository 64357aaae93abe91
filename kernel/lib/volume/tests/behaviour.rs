//! What single operations promise: removal of open files, stale data, full directories, byte-exact names, alignment.

mod support;

use fl_volume::{Blame, BlockDevice, Error, FileName, RamDisk, Volume, image};
use support::disk::Fault;
use support::{KINDS, Kind, formatted};

fn content<D: BlockDevice + Clone>(volume: &mut Volume<D>, name: &[u8]) -> Vec<u8> {
    let id = volume.open(name).expect("open");
    let mut bytes = vec![0; volume.size(id).expect("size") as usize];
    volume.read(id, 0, &mut bytes).expect("read");
    volume.close(id).expect("close");
    bytes
}

/// Why the library's buffer is dropped before each of its calls: alone it brings old bytes back. Should this fail one day, the library has
/// become better.
#[test]
fn the_library_alone_brings_back_what_raw_page_writes_replaced() {
    use hadris_fs::{Extent, MountOptions, Name, SetAttr};
    for drop_buffer in [false, true] {
        let disk = formatted(Kind::Fat12, 1);
        let raw = support::Raw(&disk);
        let mut fs = hadris_fat::sync::FatFs::mount(raw, MountOptions::new()).expect("mount");
        let root = fs.root();
        let node = fs.create(root, Name::new("file"), &SetAttr::new()).expect("create");
        fs.truncate(node, 100).expect("truncate");
        fs.truncate(node, 700).expect("truncate");
        let mut place = [Extent::new(0, 0)];
        fs.extents(node, 0, &mut place).expect("extents");
        fs.truncate(node, 710).expect("truncate");
        disk.write(place[0].offset() / 512 + 1, &[0x5a; 512]).expect("raw write");
        if drop_buffer {
            fs.clear_cache();
        }
        fs.truncate(node, 900).expect("truncate");
        let mut bytes = [1; 900];
        fs.read(node, 0, &mut bytes).expect("read");
        let expected = if drop_buffer { 0x5a } else { 0 };
        assert_eq!(bytes[512..710], [expected; 198], "buffer dropped: {drop_buffer}");
    }
}

#[test]
fn growth_does_not_bring_back_what_raw_page_writes_replaced() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let mut volume = Volume::mount(&disk).expect("mount");
        volume.create(b"file", 0).expect("create");
        let id = volume.open(b"file").expect("open");
        // The library zeroes a part of the last sector, and has it in its buffer then.
        volume.grow(id, 700).expect("grow");
        let extents = volume.extents(id).expect("extents");
        let (sector, _) = extents.sector_of(512).expect("mapped");
        disk.write(sector, &[0x5a; 512]).expect("raw write");
        // It zeroes the rest of the same sector.
        volume.grow(id, 900).expect("grow");
        let mut bytes = [1; 900];
        assert_eq!(volume.read(id, 0, &mut bytes), Ok(900));
        assert_eq!(bytes[512..700], [0x5a; 188], "{kind:?}: old bytes came back");
        assert_eq!(bytes[700..], [0; 200], "{kind:?}: growth must read as zeros");
        // The same through a map that was made before the growth.
        let written = extents.write(&&disk, 600, &[0xa5; 300]).expect("raw write");
        assert_eq!(written, 100, "an old map ends where the file ended");
        volume.grow(id, 901).expect("grow");
        volume.read(id, 600, &mut bytes[..300]).expect("read");
        assert_eq!(bytes[..100], [0xa5; 100]);
        assert_eq!(bytes[100..300], [0; 200]);
    }
}

#[test]
fn a_removed_file_lives_until_its_last_close_and_its_clusters_are_not_reused() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let mut volume = Volume::mount(&disk).expect("mount");
        let room = volume.free_bytes().expect("free");
        volume.create(b"Twice", 40_000).expect("create");
        let first = volume.open(b"Twice").expect("open");
        assert_eq!(volume.open(b"Twice"), Ok(first));
        volume.write(first, 0, &[7; 40_000]).expect("write");
        volume.remove(b"Twice").expect("remove");
        assert_eq!(volume.open(b"Twice"), Err(Error::NotFound));
        assert_eq!(volume.remove(b"Twice"), Err(Error::NotFound));
        assert!(volume.names().expect("names").is_empty());
        volume.create(b"Twice", 40_000).expect("the name is free");
        let second = volume.open(b"Twice").expect("open");
        assert_ne!(first, second);
        volume.write(second, 0, &[9; 40_000]).expect("write");
        volume.close(first).expect("close");
        let mut bytes = vec![0; 40_000];
        volume.read(first, 0, &mut bytes).expect("still open once");
        assert!(bytes.iter().all(|&b| b == 7));
        volume.grow(first, 50_000).expect("a removed file grows too");
        volume.close(first).expect("close");
        assert_eq!(volume.read(first, 0, &mut bytes), Err(Error::NotOpen));
        volume.close(second).expect("close");
        volume.remove(b"Twice").expect("remove");
        let slack = if kind == Kind::Fat32Odd { 512 } else { 0 };
        assert!(volume.free_bytes().expect("free") + slack >= room);
    }
}

#[test]
fn a_file_removed_while_open_is_swept_at_the_next_mount() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let mut volume = Volume::mount(&disk).expect("mount");
        let room = volume.free_bytes().expect("free");
        volume.create(b"left", 9000).expect("create");
        volume.create(b"stays", 1).expect("create");
        volume.open(b"left").expect("open");
        volume.remove(b"left").expect("remove");
        volume.sync().expect("sync");
        drop(volume);
        let mut volume = Volume::mount(&disk).expect("mount");
        assert_eq!(volume.repairs().swept_files, 1);
        assert!(!volume.repairs().was_dirty, "a synced volume is clean");
        let cluster = if kind == Kind::Fat32Odd { 512 } else { 4096 };
        assert_eq!(volume.free_bytes(), Ok(room - cluster));
        assert_eq!(volume.names().expect("names").len(), 1);
    }
}

#[test]
fn a_full_directory_says_so_and_open_files_can_still_be_removed() {
    let disk = formatted(Kind::Fat12, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    let name = |n: u32| format!("NAME-{n:08}").into_bytes();
    let mut count = 0;
    let full = loop {
        match volume.create(&name(count), 0) {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((full, full.blame()), (Error::DirectoryFull, Blame::Room));
    // A name of one slot fills what is left to the last slot.
    let mut short = 0;
    while volume.create(format!("{short}").as_bytes(), 0).is_ok() {
        short += 1;
    }
    let mut ids: Vec<_> = (0..count).map(|n| volume.open(&name(n)).expect("open")).collect();
    for n in 0..count {
        volume.remove(&name(n)).expect("remove in a full directory");
    }
    assert_eq!(volume.names().expect("names").len(), short);
    volume.create(b"room again", 0).expect("create");
    let last = ids.pop().expect("one");
    volume.write(last, 0, b"still a file").expect("write");
    ids.push(last);
    ids.into_iter().for_each(|id| volume.close(id).expect("close"));
    volume.unmount().expect("unmount");
    assert_eq!(Volume::mount(&disk).expect("mount").repairs(), Default::default());
}

#[test]
fn a_fat32_directory_grows_and_a_full_volume_is_told_from_a_full_directory() {
    let disk = formatted(Kind::Fat32Odd, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    for n in 0..700 {
        volume.create(format!("Name-{n}").as_bytes(), 0).expect("create");
    }
    assert_eq!(volume.names().expect("names").len(), 700);
    let free = volume.free_bytes().expect("free");
    assert_eq!(volume.create(b"too big", free + 1), Err(Error::VolumeFull));
    assert_eq!(volume.names().expect("names").len(), 700);
    volume.create(b"ballast", free).expect("create");
    assert_eq!(volume.free_bytes(), Ok(0));
    let full = (0..60).find_map(|n| volume.create(format!("NAME-TOO-{n}").as_bytes(), 0).err());
    assert_eq!(full, Some(Error::VolumeFull));
    let id = volume.open(b"Name-3").expect("open");
    volume.remove(b"Name-3").expect("remove");
    assert_eq!(volume.write(id, 0, b"x"), Err(Error::VolumeFull));
    volume.close(id).expect("close");
    volume.remove(b"ballast").expect("remove");
    volume.unmount().expect("unmount");
}

#[test]
fn every_one_byte_name_is_a_file_of_its_own() {
    let disk = formatted(Kind::Fat16, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    for byte in 0..=255u8 {
        volume.create(&[byte], 0).expect("create");
        let id = volume.open(&[byte]).expect("open");
        volume.write(id, 0, &[byte; 3]).expect("write");
        volume.close(id).expect("close");
    }
    for byte in 0..=255u8 {
        assert_eq!(content(&mut volume, &[byte]), [byte; 3]);
        assert_eq!(volume.create(&[byte], 0), Err(Error::Exists));
    }
    let names = volume.names().expect("names");
    assert!(names.iter().map(FileName::as_bytes).eq((0..=255u8).map(|b| [b])));
    for byte in (0..=255u8).rev() {
        volume.remove(&[byte]).expect("remove");
        assert_eq!(volume.names().expect("names").len(), byte as usize);
    }
}

#[test]
fn generated_aliases_open_nothing() {
    let disk = formatted(Kind::Fat12, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    volume.create(b"longer-name-14", 1).expect("create");
    for alias in [&b"LONGER~1"[..], b"longer~1", b"LONGER-~1"] {
        assert_eq!(volume.open(alias), Err(Error::NotFound));
        assert_eq!(volume.remove(alias), Err(Error::NotFound));
        volume.create(alias, 2).expect("create");
    }
    assert_eq!(content(&mut volume, b"longer-name-14").len(), 1);
}

#[test]
fn files_a_host_made_in_capitals_are_seen_in_small_letters_and_directories_are_not_files() {
    use hadris_fs::{Name, SetAttr};
    let disk = formatted(Kind::Fat12, 1);
    {
        let raw = support::Raw(&disk);
        let mut fs = hadris_fat::sync::FatFs::mount(raw, hadris_fs::MountOptions::new()).expect("mount");
        let root = fs.root();
        fs.create(root, Name::new("README.TXT"), &SetAttr::new()).expect("create");
        fs.create(root, Name::new("a name of a host.text"), &SetAttr::new()).expect("create");
        fs.mkdir(root, Name::new("sub"), &SetAttr::new()).expect("mkdir");
        fs.sync().expect("sync");
    }
    let mut volume = Volume::mount(&disk).expect("mount");
    assert_eq!(volume.names().expect("names"), [FileName::new(b"readme.txt").expect("name")]);
    assert_eq!(volume.open(b"README.TXT"), Err(Error::NotFound));
    let id = volume.open(b"readme.txt").expect("open");
    volume.write(id, 0, b"hi").expect("write");
    volume.close(id).expect("close");
    assert_eq!(volume.open(b"sub"), Err(Error::NotAFile));
    assert_eq!(volume.remove(b"sub"), Err(Error::NotAFile));
    assert_eq!(volume.create(b"sub", 0), Err(Error::Exists));
    volume.unmount().expect("unmount");
}

#[test]
fn images_are_page_aligned_and_the_same_every_time() {
    let files: &[(&[u8], &[u8])] = &[(b"hello", b"world"), (b"Big", &[3; 70_000]), (b"empty", b"")];
    for size in [256 << 10, 4 << 20, 15 << 20, (16 << 20) + 40_000, 17 << 20, 64 << 20] {
        let image = image::build(size, files).expect("build");
        assert_eq!(image.len() as u64, size / 4096 * 4096);
        assert!(image == image::build(size, files).expect("build"), "{size}: two builds differ");
        let disk = RamDisk::new(image);
        let mut volume = Volume::mount(&disk).expect("mount");
        assert_eq!(volume.repairs(), Default::default());
        for (name, bytes) in files {
            assert_eq!(content(&mut volume, name), *bytes);
        }
        let id = volume.open(b"Big").expect("open");
        for run in volume.extents(id).expect("extents").runs() {
            assert!(run.sector % 8 == 0 && run.sectors % 8 == 0, "{size}: {run:?} is not page-aligned");
        }
    }
    assert!(image::build(4096, &[]).is_err());
    let too_much = [3; 300_000];
    let full = image::build(256 << 10, &[(b"x", &too_much)]);
    assert!(matches!(full, Err(image::ImageError::File(_, Error::VolumeFull))));
}

#[test]
fn sizes_between_two_kinds_of_fat_are_formatted_too() {
    for size in (15_900..17_200).step_by(16).map(|kib| kib << 10).chain([255 << 20, 256 << 20, 257 << 20]) {
        let disk = support::disk::Disk::new(size / 512, 1);
        image::format(&&disk).unwrap_or_else(|error| panic!("{size}: {error}"));
        let mut volume = Volume::mount(&disk).expect("mount");
        assert!(volume.free_bytes().expect("free") > size * 97 / 100, "{size}: wasteful");
    }
}

#[test]
fn errors_say_whose_fault_it_is() {
    let disk = formatted(Kind::Fat12, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    let fault = |error: Error<Fault>| error.blame();
    assert_eq!(volume.create(b"", 0).map_err(fault), Err(Blame::Caller));
    assert_eq!(volume.create(b"123456789012345", 0).map_err(fault), Err(Blame::Caller));
    assert_eq!(volume.create(b"x", 1 << 32), Err(Error::TooLarge));
    assert_eq!(volume.create(b"x", 1 << 31).map_err(fault), Err(Blame::Room));
    volume.create(b"x", 0).expect("create");
    let id = volume.open(b"x").expect("open");
    assert_eq!(volume.write(id, u64::MAX, b"y"), Err(Error::TooLarge));
    assert_eq!(volume.write(id, (1 << 32) - 1, b"y"), Err(Error::TooLarge));
    assert_eq!(volume.read(id, u64::MAX, &mut [0]), Ok(0));
    disk.fail_one_in.set(1);
    assert_eq!(volume.create(b"y", 0).map_err(fault), Err(Blame::Device));
    assert_eq!(volume.size(id), Ok(0), "what needs no disk works without one");
}

#[test]
fn a_full_volume_gives_a_growing_file_the_room_that_is_left() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let mut volume = Volume::mount(&disk).expect("mount");
        let free = volume.free_bytes().expect("free");
        let left = 3 * 4096;
        volume.create(b"most", free - left).expect("create");
        volume.create(b"file", 10).expect("create");
        let id = volume.open(b"file").expect("open");
        let room = volume.free_bytes().expect("free") + if kind == Kind::Fat32Odd { 512 } else { 4096 };
        assert_eq!(volume.grow_up_to(id, 10, 5000), Ok(5000), "{kind:?}");
        assert_eq!(
            volume.grow_up_to(id, room, 2 * room),
            Ok(5000),
            "{kind:?}: byte {room} would not be inside"
        );
        assert_eq!(volume.grow_up_to(id, room - 1, 2 * room), Ok(room), "{kind:?}");
        assert_eq!(volume.free_bytes(), Ok(0), "{kind:?}");
        volume.unmount().expect("unmount");
        assert!(fl_volume::check(&&disk).expect("check").nothing());
    }
}

#[test]
fn sectors_are_read_to_the_end_of_the_last_cluster() {
    let disk = formatted(Kind::Fat12, 1);
    let mut volume = Volume::mount(&disk).expect("mount");
    volume.create(b"file", 5000).expect("create");
    let id = volume.open(b"file").expect("open");
    let bytes: Vec<u8> = (0..5000_u32).map(|i| (i % 251) as u8).collect();
    volume.write(id, 0, &bytes).expect("write");
    let extents = volume.extents(id).expect("extents");
    let mut page = [0xaa; 4096];
    assert_eq!(extents.read_sectors(&&disk, 4096, &mut page), Ok(4096));
    assert_eq!(page[..904], bytes[4096..]);
    assert_eq!(extents.read_sectors(&&disk, 3584, &mut page[..1024]), Ok(1024));
    assert_eq!(page[..1024], bytes[3584..4608]);
    assert_eq!(extents.read_sectors(&&disk, 8192 - 512, &mut page), Ok(512), "the last sector there is");
    assert_eq!(extents.read_sectors(&&disk, 8192, &mut page), Ok(0));
}

#[test]
fn a_look_at_a_volume_finds_what_a_cut_left_and_changes_nothing() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let mut volume = Volume::mount(&disk).expect("mount");
        volume.create(b"kept", 5000).expect("create");
        volume.sync().expect("sync");
        assert!(fl_volume::check(&&disk).expect("check").nothing(), "{kind:?}: synced is clean");
        volume.create(b"gone", 9000).expect("create");
        let id = volume.open(b"gone").expect("open");
        volume.remove(b"gone").expect("remove");
        let _ = id;
        drop(volume); // as a crash would
        let written = disk.written.get();
        let found = fl_volume::check(&&disk).expect("check");
        assert!(found.was_dirty && found.swept_files == 1, "{kind:?}: {found:?}");
        assert_eq!(disk.written.get(), written, "{kind:?}: looking changes nothing");
        Volume::mount(&disk).expect("mount").unmount().expect("unmount");
        assert!(fl_volume::check(&&disk).expect("check").nothing(), "{kind:?}: repaired is clean");
    }
}

#[test]
fn a_trimmed_volume_goes_on_as_before() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let mut volume = Volume::mount(&disk).expect("mount");
        volume.create(b"one", 700).expect("create");
        let id = volume.open(b"one").expect("open");
        volume.write(id, 650, &[7; 100]).expect("write");
        volume.trim().expect("trim");
        assert_eq!(volume.size(id), Ok(750), "{kind:?}: a file that is open stays open");
        volume.close(id).expect("close");
        volume.trim().expect("trim");
        assert_eq!(content(&mut volume, b"one")[650..], [7; 100], "{kind:?}");
        volume.create(b"two", 10_000).expect("create");
        volume.remove(b"one").expect("remove");
        volume.unmount().expect("unmount");
        assert!(fl_volume::check(&&disk).expect("check").nothing(), "{kind:?}");
    }
}

#[test]
fn what_is_written_to_an_overlay_is_read_there_and_does_not_reach_the_disk() {
    let disk = formatted(Kind::Fat12, 1);
    let overlay = fl_volume::Overlay::new(&disk);
    let mut volume = Volume::mount(&overlay).expect("mount");
    volume.create(b"file", 700).expect("create");
    let id = volume.open(b"file").expect("open");
    volume.write(id, 0, &[7; 700]).expect("write");
    volume.unmount().expect("unmount");
    assert_eq!(content(&mut Volume::mount(&overlay).expect("mount"), b"file"), [7; 700]);
    assert_eq!(Volume::mount(&disk).expect("mount").names().expect("names"), []);
}
