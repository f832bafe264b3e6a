//! What is known of a user besides who it is.

words! {
    /// Whether an account may be used.
    pub enum Status {
        /// It may sign in.
        Active => "active",
        /// Put to rest by its owner or an admin; may not sign in.
        Inactive => "inactive",
        /// Barred by an admin; may not sign in.
        Suspended => "suspended",
    }
}
