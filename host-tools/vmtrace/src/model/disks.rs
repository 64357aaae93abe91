//! What was asked of disks: how many requests of each kind, how much they moved, how long they took, how many failed.
//!
//! Key types: [`Disks`], [`Requests`].

use crate::model::latency::Latency;
use fl_trace::event::{DiskIo, DiskOperation};

/// Requests of one kind to one disk.
#[derive(Clone, Debug)]
pub struct Requests {
    /// How long those took that worked, in ticks.
    pub latency: Latency,
    /// Sectors that those moved.
    pub sectors: u64,
    /// Requests that failed.
    pub failed: u64,
}

/// All requests, by disk and operation.
#[derive(Clone, Default, Debug)]
pub struct Disks(Vec<[Requests; DiskOperation::VALUES.len()]>);

impl Disks {
    /// Adds a request.
    pub fn add(&mut self, request: &DiskIo) {
        let disk = usize::from(request.disk);
        if disk >= self.0.len() {
            let none = || Requests { latency: Latency::new(3), sectors: 0, failed: 0 };
            self.0.resize_with(disk + 1, || std::array::from_fn(|_| none()));
        }
        let requests = &mut self.0[disk][request.operation as usize];
        if request.ok {
            requests.latency.add(request.time.0);
            requests.sectors += u64::from(request.sectors);
        } else {
            requests.failed += 1;
        }
    }

    /// Those there were.
    pub fn iter(&self) -> impl Iterator<Item = (usize, DiskOperation, &Requests)> {
        let all = self.0.iter().enumerate().flat_map(|(disk, of)| {
            DiskOperation::VALUES
                .iter()
                .zip(of)
                .map(move |(&operation, requests)| (disk, operation, requests))
        });
        all.filter(|(_, _, requests)| requests.latency.count() + requests.failed > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fl_trace::field::Ticks;

    #[test]
    fn requests_are_counted_by_disk_and_kind_and_failures_apart() {
        let mut disks = Disks::default();
        for (disk, operation, ok) in [
            (1, DiskOperation::Read, true),
            (1, DiskOperation::Read, true),
            (1, DiskOperation::Read, false),
            (0, DiskOperation::Flush, true),
        ] {
            disks.add(&DiskIo { disk, operation, sector: 9, sectors: 8, ok, time: Ticks(100) });
        }
        let seen: Vec<_> =
            disks.iter().map(|(disk, op, r)| (disk, op, r.latency.count(), r.sectors, r.failed)).collect();
        assert_eq!(seen, [(0, DiskOperation::Flush, 1, 8, 0), (1, DiskOperation::Read, 2, 16, 1)]);
    }
}
