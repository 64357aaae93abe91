//! Volumes against a plain map: random operations, a disk that fails, and a disk that loses power.
//!
//! `FL_VOLUME_EFFORT=10` tries ten times as much; `FL_VOLUME_SEED` begins elsewhere. A failing run prints its kind and seed.

mod support;

use std::cell::Cell;

use fl_volume::{Error, Volume};
use support::disk::{Disk, Fault};
use support::model::Run;
use support::{KINDS, Kind, Random, effort, formatted, seed};

/// Random operations on a disk that is well.
fn operations(kind: Kind, seed: u64, count: u64) {
    println!("{kind:?} seed {seed}");
    let disk = formatted(kind, seed);
    let mut run = Run::new(kind, &disk, seed);
    for _ in 0..count {
        run.step().expect("a disk that is well");
    }
    println!("{} times full", run.full);
    assert!(kind != Kind::Tiny || run.full > count / 100, "never full");
    run.finish();
}

#[test]
fn a_tiny_volume_that_is_full_behaves_like_a_map() {
    for round in 0..8 * effort() {
        operations(Kind::Tiny, seed() + round, 15_000);
    }
}

#[test]
fn fat12_behaves_like_a_map() {
    for round in 0..6 * effort() {
        operations(Kind::Fat12, seed() + round, 15_000);
    }
}

#[test]
fn fat16_behaves_like_a_map() {
    for round in 0..6 * effort() {
        operations(Kind::Fat16, seed() + round, 15_000);
    }
}

#[test]
fn fat32_behaves_like_a_map() {
    for round in 0..4 * effort() {
        operations(Kind::Fat32, seed() + round, 15_000);
    }
}

#[test]
fn fat32_of_one_sector_clusters_behaves_like_a_map() {
    for round in 0..4 * effort() {
        operations(Kind::Fat32Odd, seed() + round, 10_000);
    }
}

#[test]
fn a_failing_disk_leaves_each_operation_done_or_undone() {
    let mut all = 0;
    for kind in KINDS {
        for round in 0..3 * effort() {
            let seed = seed() + round;
            println!("{kind:?} seed {seed}");
            let disk = formatted(kind, seed);
            let mut run = Run::new(kind, &disk, seed);
            disk.fail_one_in.set([4, 40, 400][round as usize % 3]);
            let mut failed = 0;
            for _ in 0..2_000 {
                match run.step() {
                    Ok(()) => {}
                    Err(Error::Device(Fault::Injected)) => {
                        failed += 1;
                        run.heal();
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            println!("{failed} operations failed, {} faults", disk.faults.get());
            all += failed;
            disk.fail_one_in.set(0);
            run.heal();
            run.finish();
        }
    }
    assert!(all > 1000, "only {all} operations failed");
}

/// Operations until the power goes after `power` sectors. Returns the run.
fn until_power_fails<'a>(kind: Kind, disk: &'a Disk, seed: u64, power: u64) -> Run<'a> {
    let mut run = Run::new(kind, disk, seed);
    let count = 10 + run.random.below(120);
    for _ in 0..count {
        run.step().expect("a disk that is well");
    }
    disk.power.set(Some(power));
    for _ in 0..10_000 {
        match run.step() {
            Ok(()) => {}
            Err(Error::Device(Fault::Off)) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(disk.power.get(), Some(0));
    run
}

#[test]
fn after_a_power_cut_the_volume_mounts_and_synced_files_are_whole() {
    let (cuts, repaired, compared) = (Cell::new(0), Cell::new(0), Cell::new(0));
    for kind in KINDS {
        for round in 0..120 * effort() {
            let seed = seed() + round;
            println!("{kind:?} seed {seed}");
            let disk = formatted(kind, seed);
            let mut random = Random(seed ^ 0xc0de);
            let power = random.below([12, 80, 400][round as usize % 3]);
            let run = until_power_fails(kind, &disk, seed, power);
            let medium = disk.medium();
            // The repair itself is cut as well, a few times.
            for _ in 0..random.below(4) {
                medium.power.set(Some(random.below(20)));
                match Volume::mount(&medium) {
                    Ok(_) | Err(fl_volume::MountError::Device(Fault::Off)) => {}
                    Err(other) => panic!("{other}"),
                }
                medium.power.set(None);
            }
            let mut volume = Volume::mount(&medium).unwrap_or_else(|error| panic!("{error}"));
            cuts.set(cuts.get() + 1);
            repaired.set(repaired.get() + u64::from(volume.repairs().was_dirty));
            compared.set(compared.get() + run.check_after_crash(&mut volume));
            volume.unmount().expect("unmount");
            let volume = Volume::mount(&medium).expect("mount after repair");
            assert_eq!(volume.repairs(), Default::default(), "the repair left something");
        }
    }
    println!("{} cuts, {} repaired, {} synced files compared", cuts.get(), repaired.get(), compared.get());
    assert!(repaired.get() > cuts.get() / 4 && compared.get() > 0);
}
