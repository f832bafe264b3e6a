//! What goes over the wire, as pure encoding and decoding: no I/O, no clock, and no panic on any input.

pub mod pg;
