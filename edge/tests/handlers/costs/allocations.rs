//! How often a piece of work asks for memory, and for how much: a global allocator that counts for each thread by itself,
//! because tests run beside each other.

#![expect(
    unsafe_code,
    reason = "an allocator can't be written without; this one hands everything on to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

impl Counting {
    fn note(bytes: usize) {
        CALLS.set(CALLS.get() + 1);
        BYTES.set(BYTES.get() + bytes);
    }
}

// SAFETY: each call goes to the system's allocator as it came, which keeps the contract; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What a piece of work asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allocations {
    /// How often it asked, for new memory or for more of what it had.
    pub(super) calls: usize,
    /// For how many bytes in all.
    pub(super) bytes: usize,
}

/// Does the work and says what it asked for. Never inlined: a profiler finds the work of a request by this name.
#[inline(never)]
pub(super) fn counted<T>(work: impl FnOnce() -> T) -> (T, Allocations) {
    let (calls, bytes) = (CALLS.get(), BYTES.get());
    let done = work();
    let allocations = Allocations {
        calls: CALLS.get() - calls,
        bytes: BYTES.get() - bytes,
    };
    (done, allocations)
}

#[test]
fn it_counts_what_is_asked_for() {
    let (kept, allocations) = counted(|| (Box::new([0_u8; 100]), Vec::<u8>::with_capacity(50)));
    assert_eq!(kept.1.capacity(), 50);
    assert_eq!(allocations, Allocations { calls: 2, bytes: 150 });
    assert_eq!(counted(|| 1 + 1).1, Allocations { calls: 0, bytes: 0 });
}
