//! The random operations: each is done to the volume and, as its outcome says, to the model.

use fl_volume::{BlockDevice, Error, FileId, NameError, SECTOR};

use super::{File, Outcome, Place, Run};

impl Run<'_> {
    pub(super) fn create(&mut self) -> Outcome<()> {
        let (name, size) = (self.name(), self.size());
        let outcome = self.volume().create(&name, size);
        let need = size.next_multiple_of(self.cluster());
        match outcome {
            Ok(()) => {
                assert!(!self.names.contains_key(&name), "{name:?} was made twice");
                assert!(need <= self.free(), "more than fits");
                let bytes = vec![0; size as usize];
                self.names.insert(name.clone(), File { bytes, ..File::default() });
                self.record(&Place::Named(name));
            }
            Err(Error::Exists) => assert!(self.names.contains_key(&name)),
            Err(Error::VolumeFull) => {
                assert!(need + self.slack() > self.free(), "full with {} free", self.free());
                self.full += 1;
                // It was there for a moment.
                let history = self.history.entry(name).or_default();
                history.since.extend([None, Some(Vec::new())]);
            }
            Err(Error::Device(fault)) => {
                let history = self.history.entry(name).or_default();
                history.since.extend([None, Some(vec![0; size as usize])]);
                return Err(Error::Device(fault));
            }
            Err(other) => panic!("create: {other:?}"),
        }
        Ok(())
    }

    pub(super) fn open(&mut self) -> Outcome<()> {
        let name = self.name();
        let outcome = self.volume().open(&name);
        match (outcome, self.names.get_mut(&name)) {
            (Ok(id), Some(file)) => {
                assert!(file.id.is_none_or(|old| old == id), "two ids of one file");
                file.id = Some(id);
                file.opens += 1;
            }
            (Err(Error::NotFound), None) => {}
            (Err(Error::Device(fault)), _) => return Err(Error::Device(fault)),
            (other, file) => panic!("open {name:?}: {other:?}, model {}", file.is_some()),
        }
        Ok(())
    }

    pub(super) fn close(&mut self) -> Outcome<()> {
        let Some((place, id)) = self.pick_open() else { return Ok(()) };
        let outcome = self.volume().close(id);
        let file = self.at(&place);
        file.opens -= 1;
        if file.opens == 0 {
            file.id = None;
            if let Place::Removed(at) = place {
                self.removed.swap_remove(at);
            }
            assert_eq!(self.volume().size(id), Err(Error::NotOpen));
        }
        outcome
    }

    pub(super) fn remove(&mut self) -> Outcome<()> {
        let name = self.name();
        match self.volume().remove(&name) {
            Ok(()) => {
                let file = self.names.remove(&name).expect("removed what was not there");
                if file.id.is_some() {
                    self.removed.push(file);
                }
                self.record(&Place::Named(name));
            }
            Err(Error::NotFound) => assert!(!self.names.contains_key(&name)),
            Err(Error::Device(fault)) => {
                self.history.entry(name).or_default().since.push(None);
                return Err(Error::Device(fault));
            }
            Err(other) => panic!("remove {name:?}: {other:?}"),
        }
        Ok(())
    }

    pub(super) fn write(&mut self) -> Outcome<()> {
        let Some((place, id)) = self.pick_open() else { return Ok(()) };
        let old = self.at(&place).bytes.len() as u64;
        let reach = if self.random.one_in(3) { 9000 } else { 1 };
        let offset = self.random.below(old + reach);
        let len = self.size();
        let bytes = self.bytes(len);
        let mut after = self.at(&place).bytes.clone();
        let end = (offset + len) as usize;
        if len > 0 && end > after.len() {
            after.resize(end, 0);
        }
        if len > 0 {
            after[offset as usize..end].copy_from_slice(&bytes);
        }
        let grown =
            (after.len() as u64).next_multiple_of(self.cluster()) - old.next_multiple_of(self.cluster());
        let fits = grown <= self.free();
        if let Place::Named(name) = &place {
            let mut zeros = self.at(&place).bytes.clone();
            zeros.resize(after.len(), 0);
            let history = self.history.entry(name.clone()).or_default();
            history.since.extend([Some(zeros), Some(after.clone())]);
        }
        match self.volume().write(id, offset, &bytes) {
            Ok(written) => {
                assert_eq!(written as u64, len);
                assert!(fits, "more than fits");
                self.at(&place).bytes = after;
            }
            Err(Error::VolumeFull) => {
                assert!(grown + self.slack() > self.free(), "full with {} free", self.free());
                self.full += 1;
            }
            Err(Error::Device(fault)) => {
                self.after_failed_write(&place, id, &after, offset..offset + len)?;
                return Err(Error::Device(fault));
            }
            Err(other) => panic!("write: {other:?}"),
        }
        Ok(())
    }

    pub(super) fn grow(&mut self) -> Outcome<()> {
        let Some((place, id)) = self.pick_open() else { return Ok(()) };
        let mut after = self.at(&place).bytes.clone();
        let old = after.len() as u64;
        let size = old + self.random.below(10_000);
        after.resize(size as usize, 0);
        let grown = size.next_multiple_of(self.cluster()) - old.next_multiple_of(self.cluster());
        if let Place::Named(name) = &place {
            self.history.entry(name.clone()).or_default().since.push(Some(after.clone()));
        }
        match self.volume().grow(id, size) {
            Ok(()) => self.at(&place).bytes = after,
            Err(Error::VolumeFull) => {
                assert!(grown + self.slack() > self.free());
                self.full += 1;
            }
            Err(Error::Device(fault)) => {
                self.after_failed_write(&place, id, &after, 0..0)?;
                return Err(Error::Device(fault));
            }
            Err(other) => panic!("grow: {other:?}"),
        }
        Ok(())
    }

    /// A failed write leaves what was outside it, and any mix of old and new inside. With the disk well again the model takes over what is there.
    fn after_failed_write(
        &mut self,
        place: &Place,
        id: FileId,
        after: &[u8],
        range: std::ops::Range<u64>,
    ) -> Outcome<()> {
        if self.disk.power.get() == Some(0) {
            return Ok(());
        }
        let faults = self.disk.fail_one_in.replace(0);
        self.volume().sync().expect("a disk that is well again");
        let size = self.volume().size(id)?;
        let old = self.at(place).bytes.clone();
        assert!(size == old.len() as u64 || size == after.len() as u64, "size {size}");
        let mut now = vec![0xaa; size as usize];
        assert_eq!(self.volume().read(id, 0, &mut now), Ok(now.len()));
        for (at, &byte) in now.iter().enumerate() {
            let before = old.get(at).copied().unwrap_or(0);
            let new = range.contains(&(at as u64)).then(|| after[at]);
            assert!(byte == before || Some(byte) == new, "byte {at} of {size} is {byte}");
        }
        self.at(place).bytes = now;
        self.record(place);
        self.disk.fail_one_in.set(faults);
        Ok(())
    }

    pub(super) fn read(&mut self) -> Outcome<()> {
        let Some((place, id)) = self.pick_open() else { return Ok(()) };
        let reach = self.at(&place).bytes.len() as u64 + 100;
        let offset = self.random.below(reach);
        let mut got = vec![0xaa; self.size() as usize];
        let count = self.volume().read(id, offset, &mut got)?;
        let file = self.at(&place);
        let expected = file.bytes.get(offset as usize..).unwrap_or(&[]);
        let expected = &expected[..expected.len().min(got.len())];
        assert_eq!(count, expected.len());
        assert!(got[..count] == *expected, "stale or wrong data");
        assert!(got[count..].iter().all(|&b| b == 0xaa), "wrote behind the end");
        Ok(())
    }

    /// Writes whole sectors past the volume, as the pager does.
    pub(super) fn write_pages(&mut self) -> Outcome<()> {
        let Some((place, id)) = self.pick_open() else { return Ok(()) };
        let extents = self.volume().extents(id)?;
        let size = self.at(&place).bytes.len();
        if size == 0 {
            return Ok(());
        }
        let page = self.random.below(size as u64) as usize / 4096 * 4096;
        let data = self.bytes(4096);
        // Behind the end of the file anything may be written, as far as the clusters go.
        for at in (0..4096).step_by(SECTOR) {
            let Some((sector, _)) = extents.sector_of((page + at) as u64) else { break };
            let real = size.saturating_sub(page + at).min(SECTOR);
            let mut after = self.at(&place).bytes.clone();
            after[size.min(page + at)..][..real].copy_from_slice(&data[at..at + real]);
            if let Place::Named(name) = &place {
                self.history.entry(name.clone()).or_default().since.push(Some(after.clone()));
            }
            let written = self.disk.write(sector, &data[at..at + SECTOR]);
            // A failed write of one sector happened or did not.
            let arrived =
                || (0..real).all(|i| self.disk.peek(sector * SECTOR as u64 + i as u64) == data[at + i]);
            if written.is_ok() || arrived() {
                self.at(&place).bytes = after;
            }
            written.map_err(Error::Device)?;
        }
        Ok(())
    }

    pub(super) fn read_pages(&mut self) -> Outcome<()> {
        let Some((place, id)) = self.pick_open() else { return Ok(()) };
        let extents = self.volume().extents(id)?;
        let bytes = self.at(&place).bytes.clone();
        assert_eq!(extents.size(), bytes.len() as u64);
        let mut at = 0;
        while at < bytes.len() {
            let (sector, run) = extents.sector_of(at as u64).expect("a sector for each byte");
            let len = (run as usize * SECTOR).min((bytes.len() - at).next_multiple_of(SECTOR));
            let mut got = vec![0; len];
            self.disk.read(sector, &mut got).map_err(Error::Device)?;
            let real = len.min(bytes.len() - at);
            assert!(got[..real] == bytes[at..at + real], "the map leads astray");
            at += len;
        }
        Ok(())
    }

    pub(super) fn look(&mut self) -> Outcome<()> {
        let mut names: Vec<Vec<u8>> = self.volume().names()?.iter().map(|n| n.as_bytes().to_vec()).collect();
        names.sort();
        assert!(names.iter().eq(self.names.keys()), "names: {names:?}, model {:?}", self.names.keys());
        let free = self.volume().free_bytes()?;
        assert!(
            free <= self.free() && free + self.slack() >= self.free(),
            "free {free}, model {}",
            self.free()
        );
        Ok(())
    }

    pub(super) fn bad_names(&mut self) -> Outcome<()> {
        let long = [b'x'; 15];
        let volume = self.volume();
        assert_eq!(volume.create(&long, 1), Err(Error::Name(NameError::TooLong)));
        assert_eq!(volume.open(b""), Err(Error::Name(NameError::Empty)));
        assert_eq!(volume.remove(&[b'x'; 511]), Err(Error::Name(NameError::TooLong)));
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Outcome<()> {
        self.volume().sync()?;
        self.synced();
        Ok(())
    }
}
