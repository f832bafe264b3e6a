//! Doorward operator command line.
fn main() {}
