//! The account: `/api/auth/...` and `/auth/...`.

use crate::registry::Case;

mod login;
mod logout;
mod me;
mod refresh;
mod register;
mod tokens;

pub(super) fn cases() -> Vec<Case> {
    [
        register::cases(),
        login::cases(),
        logout::cases(),
        refresh::cases(),
        me::cases(),
        tokens::cases(),
    ]
    .concat()
}
