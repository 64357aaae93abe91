//! What frame caches are worth: the time of an allocation and a free by others, over theirs. Others are one spin lock around one stack, and the lock-free
//! queue of crate crossbeam.
//!
//! `cargo bench -p fl-frames`. Each thread allocates a burst of frames and frees them, over and over. Counted is the time a thread really ran (Linux:
//! schedstat), so that a busy machine disturbs little; but only on two idle processors do two threads show what contention costs.

use crossbeam_queue::ArrayQueue;
use fl_addr::{CpuId, Pfn};
use fl_frames::FrameCache;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Duration;

const CPUS: usize = 2;
const FRAMES: u32 = 1 << 16;
/// Allocations plus frees of each thread in one measurement.
const PAIRS: u32 = 2_000_000;

/// What is measured: takes and gives back frames as the CPU of this number.
trait Allocator: Sync {
    fn alloc(&self, cpu: usize) -> Pfn;
    fn free(&self, cpu: usize, pfn: Pfn);
}

struct Magazines(FrameCache<CPUS>);

impl Allocator for Magazines {
    fn alloc(&self, cpu: usize) -> Pfn {
        self.0.alloc(CpuId(cpu as u8)).expect("enough frames").pfn
    }
    fn free(&self, cpu: usize, pfn: Pfn) {
        black_box(self.0.free(CpuId(cpu as u8), pfn));
    }
}

struct OneLock(spin::Mutex<Vec<Pfn>>);

impl Allocator for OneLock {
    fn alloc(&self, _cpu: usize) -> Pfn {
        self.0.lock().pop().expect("enough frames")
    }
    fn free(&self, _cpu: usize, pfn: Pfn) {
        self.0.lock().push(pfn);
    }
}

impl Allocator for ArrayQueue<Pfn> {
    fn alloc(&self, _cpu: usize) -> Pfn {
        self.pop().expect("enough frames")
    }
    fn free(&self, _cpu: usize, pfn: Pfn) {
        self.push(pfn).expect("room for all frames");
    }
}

/// How long the calling thread has run so far.
fn time_run() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with schedstat");
    let nanoseconds = text.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number first"))
}

/// Nanoseconds per allocation and free, the slowest thread counting, the best of five runs.
fn measure(allocator: &dyn Allocator, threads: usize, burst: usize) -> f64 {
    (0..5).map(|_| run(allocator, threads, burst)).fold(f64::INFINITY, f64::min)
}

fn run(allocator: &dyn Allocator, threads: usize, burst: usize) -> f64 {
    let start_line = Barrier::new(threads);
    let work = |cpu: usize| {
        let mut held = Vec::with_capacity(burst);
        start_line.wait();
        let start = time_run();
        for _ in 0..PAIRS as usize / burst {
            held.extend((0..burst).map(|_| black_box(allocator.alloc(cpu))));
            held.drain(..).for_each(|pfn| allocator.free(cpu, pfn));
        }
        (time_run() - start).as_nanos() as f64 / PAIRS as f64
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|cpu| {
                scope.spawn({
                    let work = &work;
                    move || work(cpu)
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("no thread fails")).fold(0.0, f64::max)
    })
}

fn main() {
    let magazines = Magazines(FrameCache::new());
    magazines.0.init(vec![Pfn(0); FRAMES as usize].leak(), (0..FRAMES).map(Pfn));
    let one_lock = OneLock(spin::Mutex::new((0..FRAMES).map(Pfn).collect()));
    let queue = ArrayQueue::new(FRAMES as usize);
    (0..FRAMES).for_each(|n| queue.push(Pfn(n)).expect("room for all frames"));

    println!("time of an allocation and a free   frame caches   one spin lock   lock-free queue");
    for threads in [1, 2] {
        for burst in [1, 16, 200] {
            let ours = measure(&magazines, threads, burst);
            let [lock, queue] =
                [&one_lock as &dyn Allocator, &queue].map(|other| measure(other, threads, burst) / ours);
            println!(
                "{threads} thread(s), bursts of {burst:3}       {ours:9.1} ns   {lock:11.2} x   {queue:13.2} x"
            );
        }
    }
}
