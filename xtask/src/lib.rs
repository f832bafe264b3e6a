//! Repository automation.
