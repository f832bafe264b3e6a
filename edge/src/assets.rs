//! The files of the pages, each under an address that changes with what is in it, so that it can be kept for ever. The host
//! has them (see [`Host::asset`](crate::host::Host::asset)).

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// One of the files. The constants `APP_CSS`, `APP_JS`, `CORE_JS` and `CORE_WASM` are their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asset {
    /// The style sheet.
    AppCss,
    /// The script.
    AppJs,
    /// What loads the core in the browser.
    CoreJs,
    /// The core, compiled for the browser.
    CoreWasm,
}

impl Asset {
    /// What is at a path. A former version isn't: who has kept its address has kept the file too.
    pub(crate) fn at(path: &str) -> Option<Self> {
        if path == APP_CSS {
            Some(Self::AppCss)
        } else if path == APP_JS {
            Some(Self::AppJs)
        } else if Some(path) == CORE_JS {
            Some(Self::CoreJs)
        } else if Some(path) == CORE_WASM {
            Some(Self::CoreWasm)
        } else {
            None
        }
    }

    /// Its media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::AppCss => "text/css; charset=utf-8",
            Self::AppJs | Self::CoreJs => "text/javascript; charset=utf-8",
            Self::CoreWasm => "application/wasm",
        }
    }

    /// Its name where the host has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AppCss => "app.css",
            Self::AppJs => "app.js",
            Self::CoreJs => "core.js",
            Self::CoreWasm => "core_bg.wasm",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_for_one_content() {
        assert_eq!(Asset::at(APP_CSS), Some(Asset::AppCss));
        assert_eq!(Asset::at(APP_JS), Some(Asset::AppJs));
        for path in [
            "/assets/app.js",
            "/assets/app.00000000.js",
            "/assets/",
            "/assets/../app.js",
        ] {
            assert_eq!(Asset::at(path), None, "{path}");
        }
        let (head, end) = APP_JS.rsplit_once('.').unwrap();
        assert_eq!((head.len(), end), ("/assets/app.".len() + 8, "js"));
    }
}
