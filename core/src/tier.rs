//! Tiers: what a user's plan opens. Another service gates on it with nothing but the access token.

words! {
    /// A tier. They are ordered: each opens what the one before opens, too.
    #[derive(PartialOrd, Ord)]
    pub enum Tier {
        /// A request without a session.
        Anonymous => "anonymous",
        /// Signed up. The default.
        Free => "free",
        /// A paying or invited member.
        Member => "member",
    }
}
